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
from core.results.layout import DECODE_ERRORS
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


_decoder = msgspec.json.Decoder(_SoundImage)


def sound_name(text: bytes | msgspec.Raw, context: Context) -> str | None:
    """The name of an image with which surely nothing is wrong; None where the rules must look."""
    try:
        image = _decoder.decode(text)
    except DECODE_ERRORS:
        return None
    if context.version < versions.WITHOUT_MAX_CONF or image.max_detection_conf is not UNSET:
        return None
    if is_absolute(image.file) or is_video(image.file):
        return None
    sound = all(_is_sound(one, context) for one in image.detections)
    return image.file if sound else None


def _is_sound(detection: _SoundDetection, context: Context) -> bool:
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
