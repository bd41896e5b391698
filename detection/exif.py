"""What the EXIF data of a picture tells: which way is up, when and where it was taken."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from PIL import ExifTags, Image

from detection.exif_tags import chosen_tags

# By weight: when the shutter opened, when it was digitised, when the file was last changed.
_TIME_TAGS = (
    (ExifTags.IFD.Exif, ExifTags.Base.DateTimeOriginal),
    (ExifTags.IFD.Exif, ExifTags.Base.DateTimeDigitized),
    (None, ExifTags.Base.DateTime),
)
# Exif 2.32, 4.6.4 "DateTime": the date with colons, a space, the time.
_EXIF_TIME = "%Y:%m:%d %H:%M:%S"
_MOST_ORIENTATION = 8

S = TypeVar("S")
T = TypeVar("T")


class ExifFacts(msgspec.Struct, frozen=True):
    """What was found; a file's EXIF data is often half broken, and each part stands alone."""

    #: 1 to 8 as EXIF counts them; 1 is upright.
    orientation: int
    #: By the camera's clock, `YYYY-MM-DD HH:MM:SS`.
    taken_at: str | None
    #: Latitude and longitude, degrees, north and east positive.
    position: tuple[float, float] | None
    #: The tags that were asked for, as far as they are there.
    tags: dict[str, Any] | None = None


def read_exif(image: Image.Image, tags: Sequence[str] = ()) -> ExifFacts:
    """The facts in a picture's EXIF data, and these tags; nothing in it can make this fail."""
    exif = _or_none(lambda source: source.getexif(), image) or Image.Exif()
    return ExifFacts(
        orientation=_or_none(orientation, exif) or 1,
        taken_at=_or_none(taken_at, exif),
        position=_or_none(position, exif),
        tags=_or_none(lambda source: chosen_tags(source, tags), exif) if tags else None,
    )


def _or_none(read: Callable[[S], T], source: S) -> T | None:
    try:
        return read(source)
    except Exception:  # Pillow raises errors of many kinds on damaged EXIF data
        return None


def orientation(exif: Image.Exif) -> int:
    """1 to 8 as EXIF counts them; 1, upright, where the tag is absent or nonsense."""
    value = exif.get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= _MOST_ORIENTATION else 1


def taken_at(exif: Image.Exif) -> str | None:
    """When the picture was taken by the camera's clock, `YYYY-MM-DD HH:MM:SS`."""
    for ifd, tag in _TIME_TAGS:
        values: Mapping[int, Any] = exif if ifd is None else exif.get_ifd(ifd)
        text = _time(values.get(tag))
        if text:
            return text
    return None


def _time(value: object) -> str | None:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        return None
    try:
        # `strftime` writes years before 1000 with fewer digits.
        return datetime.strptime(text.strip("\0 "), _EXIF_TIME).isoformat(" ")
    except ValueError:
        return None


def position(exif: Image.Exif) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, north and east positive; None where not both are told."""
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    latitude = _degrees(gps, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "S", 90)
    longitude = _degrees(gps, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "W", 180)
    if latitude is None or longitude is None:
        return None
    return latitude, longitude


def _degrees(
    gps: Mapping[int, Any], tag: int, ref_tag: int, negative: str, most: int
) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in gps[tag])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    angle = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(angle) or not 0 <= angle <= most:
        return None
    return -angle if str(gps.get(ref_tag, "")).upper().startswith(negative) else angle
