"""Tells at once of most images that nothing is wrong with them.

Nearly all images of a results file are sound. To go through the rules one by one
(`image_rules.py`) takes ten times as long as to decode them; so types and ranges are checked while
decoding, and only an image that is not surely sound is looked at by the rules.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.results import versions
from core.results.image_rules import ROUNDING, is_absolute, is_video
from core.results.rules import Context

_Share = Annotated[float, Meta(ge=0, le=1)]


class _SoundDetection(msgspec.Struct, frozen=True, gc=False):
    category: str
    conf: Annotated[float, Meta(ge=-1, le=1)]
    bbox: tuple[_Share, _Share, _Share, _Share]
    classifications: None = None


class _SoundImage(msgspec.Struct, frozen=True, gc=False):
    """An image that may be sound: types and ranges are right."""

    file: Annotated[str, Meta(min_length=1)]
    detections: list[_SoundDetection]
    failure: None = None
    width: Annotated[int, Meta(ge=1)] | None = None
    height: Annotated[int, Meta(ge=1)] | None = None
    datetime: str | None = None
    meta: str | None = None
    truncated: bool = False
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    max_detection_conf: float | UnsetType = UNSET


_decoder = msgspec.json.Decoder(list[_SoundImage])


def sound_names(text: bytes, context: Context) -> list[str]:
    """The names of the images of a JSON list, if surely nothing is wrong with any of them.

    Raises one of DECODE_ERRORS where the rules must look.
    """
    images = _decoder.decode(text)
    if not all(_is_sound(image, context) for image in images):
        raise msgspec.ValidationError("some are not surely sound")
    return [image.file for image in images]


def _is_sound(image: _SoundImage, context: Context) -> bool:
    return (
        context.version >= versions.WITHOUT_MAX_CONF
        and image.max_detection_conf is UNSET
        and not is_absolute(image.file)
        and not is_video(image.file)
        and all(_is_sound_detection(one, context) for one in image.detections)
    )


def _is_sound_detection(detection: _SoundDetection, context: Context) -> bool:
    left, top, width, height = detection.bbox
    return (
        detection.category in context.detection_ids
        # The rules want a decimal point, and 1 and 1.0 are decoded to the same.
        and not detection.conf.is_integer()
        and left + width <= 1 + ROUNDING
        and top + height <= 1 + ROUNDING
        and width > 0
        and height > 0
    )
