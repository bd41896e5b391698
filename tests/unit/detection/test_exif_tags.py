from io import BytesIO
from typing import Any

import msgspec
import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from core.errors import InvalidRequest
from detection.exif_tags import LONGEST_TEXT, TAGS, check_tags, chosen_tags
from detection.images import DecodedImage, DecodeOptions, decode_image

BASE, IFD = ExifTags.Base, ExifTags.IFD


def one_tag(tag: ExifTags.Base, value: Any) -> Any:
    exif = Image.Exif()
    exif[tag] = value
    return chosen_tags(exif, [tag.name]).get(tag.name)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("HC550 HYPERFIRE\0", "HC550 HYPERFIRE"),
        (b"0230", "0230"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("x" * 1000, "x" * LONGEST_TEXT),
        ("\ud800", "?"),
        (25, 25),
        (IFDRational(1, 60), 1 / 60),
        ((IFDRational(1, 2), 3), [0.5, 3]),
        (IFDRational(1, 0), None),
        (float("inf"), None),
        ("", None),
        ("\0\0", None),
        (object(), None),
    ],
)
def test_a_value_is_told_as_json_holds_it(value: Any, told: Any) -> None:
    assert one_tag(BASE.Model, value) == told
    msgspec.json.encode(told)


def test_tags_of_both_directories_come_in_the_order_they_were_asked_for() -> None:
    exif = Image.Exif()
    exif[BASE.Model] = "trap"
    exif.get_ifd(IFD.Exif)[BASE.Flash] = 24
    assert list(chosen_tags(exif, ["Flash", "Make", "Model"]).items()) == [
        ("Flash", 24),
        ("Model", "trap"),
    ]


def test_tags_stand_beside_the_picture_when_they_are_asked_for() -> None:
    exif, file = Image.Exif(), BytesIO()
    exif[BASE.Model] = "trap"
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)

    def told(*tags: str) -> dict[str, Any] | None:
        decoded = decode_image(file.getvalue(), DecodeOptions(exif_tags=tags))
        assert isinstance(decoded, DecodedImage)
        return decoded.exif

    assert told() is None
    assert told("Model", "Make") == {"Model": "trap"}


@pytest.mark.parametrize("name", ["Modell", "GPSInfo", "MakerNote", "", "model"])
def test_what_is_no_tag_to_ask_for_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is no EXIF tag"):
        check_tags([name])


def test_a_near_miss_is_told() -> None:
    with pytest.raises(InvalidRequest, match="did you mean Model"):
        check_tags(["Flash", "Modell"])


def test_the_place_of_a_picture_is_no_tag() -> None:
    assert not [name for name in TAGS if "GPS" in name]
