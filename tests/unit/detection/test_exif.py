from typing import Any

import pytest
from PIL import ExifTags, Image

from detection.exif import orientation, position, read_exif, taken_at

BASE, GPS, IFD = ExifTags.Base, ExifTags.GPS, ExifTags.IFD


def with_times(original: Any = None, digitized: Any = None, changed: Any = None) -> Image.Exif:
    exif = Image.Exif()
    details = exif.get_ifd(IFD.Exif)
    for tags, tag, value in (
        (details, BASE.DateTimeOriginal, original),
        (details, BASE.DateTimeDigitized, digitized),
        (exif, BASE.DateTime, changed),
    ):
        if value is not None:
            tags[tag] = value
    return exif


ONE, TWO, THREE = (f"20{n}:01:02 03:04:05" for n in (11, 12, 13))


@pytest.mark.parametrize(
    ("exif", "year"),
    [
        (with_times(ONE, TWO, THREE), "2011"),
        (with_times(None, TWO, THREE), "2012"),
        (with_times(None, None, THREE), "2013"),
        (with_times("0000:00:00 00:00:00", TWO, THREE), "2012"),
    ],
)
def test_the_time_the_shutter_opened_goes_before_others(exif: Image.Exif, year: str) -> None:
    assert taken_at(exif) == f"{year}-01-02 03:04:05"


@pytest.mark.parametrize(
    "value",
    [
        *("", "    :  :     :  :  ", "0000:00:00 00:00:00", "2019:13:01 00:00:00"),
        *("2019:02:29 00:00:00", "2019-01-01", "yesterday", 20190101, (2019, 1), b"\xff\xfe"),
    ],
)
def test_nonsense_is_no_time(value: Any) -> None:
    assert taken_at(with_times(value)) is None


@pytest.mark.parametrize("value", [ONE + "\0", f" {ONE} ", ONE.encode() + b"\0"])
def test_padding_around_a_time_is_taken_off(value: Any) -> None:
    assert taken_at(with_times(value)) == "2011-01-02 03:04:05"


def test_a_year_has_four_digits() -> None:
    assert taken_at(with_times("0850:05:02 06:11:54")) == "0850-05-02 06:11:54"


def test_no_exif_data_tells_nothing() -> None:
    facts = read_exif(Image.new("RGB", (1, 1)))
    assert (facts.orientation, facts.taken_at, facts.position) == (1, None, None)


@pytest.mark.parametrize("value", [0, 9, -1, "6", None, (6,), 6.5])
def test_nonsense_is_no_orientation(value: Any) -> None:
    exif = Image.Exif()
    exif[BASE.Orientation] = value
    assert orientation(exif) == 1


def at(latitude: Any, longitude: Any, north: Any = "N", east: Any = "E") -> Image.Exif:
    exif = Image.Exif()
    exif.get_ifd(IFD.GPSInfo).update(
        {
            GPS.GPSLatitude: latitude,
            GPS.GPSLatitudeRef: north,
            GPS.GPSLongitude: longitude,
            GPS.GPSLongitudeRef: east,
        }
    )
    return exif


def test_degrees_minutes_and_seconds_become_degrees() -> None:
    assert position(at((2, 30, 36), (34, 30, 0))) == pytest.approx((2.51, 34.5))
    assert position(at((2, 0, 0), (3, 0, 0), "S", "W")) == (-2, -3)
    assert position(at((2, 0, 0), (3, 0, 0), "s", "w")) == (-2, -3)


@pytest.mark.parametrize(
    "latitude", [(91, 0, 0), (-1, 0, 0), (1, 2), 5, "5", (float("nan"), 0, 0), ("a", 0, 0), None]
)
def test_nonsense_is_no_position(latitude: Any) -> None:
    assert position(at(latitude, (3, 0, 0))) is None
    assert position(at((3, 0, 0), (181, 0, 0))) is None


def test_half_a_position_is_none() -> None:
    exif = Image.Exif()
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (1, 2, 3)
    assert position(exif) is None
