"""Tells at once of most images that nothing is wrong with them.

Nearly all images of a results file are sound. To go through the rules one by one
(`image_rules.py`) takes six times as long as to decode them; so types and ranges are checked while
decoding, and the rules look only at lists of images of which not all are surely sound.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.results import versions
from core.results.image_rules import ROUNDING, is_video
from core.results.rules import Context

#: Most names end like this, and need no closer look.
_PICTURES = (".jpg", ".JPG")
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
        and _is_sound_name(image.file)
        and (not image.detections or _are_sound(image.detections, context))
    )


def _is_sound_name(name: str) -> bool:
    if name[0] in "/\\" or name[1:2] == ":":
        return False
    return name.endswith(_PICTURES) or not is_video(name)


def _are_sound(detections: list[_SoundDetection], context: Context) -> bool:
    for detection in detections:
        left, top, width, height = detection.bbox
        if (
            detection.category not in context.detection_ids
            # The rules want a decimal point, and 1 and 1.0 are decoded to the same.
            or detection.conf.is_integer()
            or not (width > 0 and height > 0)
            or left + width > 1 + ROUNDING
            or top + height > 1 + ROUNDING
        ):
            return False
    return True
