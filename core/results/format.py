"""The types of a results file in the MegaDetector format, and how its lines are written and read.

The format is described at the public MegaDetector repository (`megadetector-output-format.md`);
version 1.6 is the newest, and the one that is written here. What another program added to an image
or a detection is kept in `extra`, and written back.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from core.failures import ImageFailure

FORMAT_VERSION = "1.6"

#: Decimals of a written confidence and coordinate, as in the 2019 service.
CONF_DECIMALS = 3
COORDINATE_DECIMALS = 4

BBox = tuple[float, float, float, float]

# Unknown fields make the quick decoder refuse; then the slow way puts them into `extra`. The field
# needs a name of its own in JSON, one that no other program uses.
_EXTRA = "megabatch:extra"


class Detection(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something that was found: where, and how sure.

    `bbox` is `[x_min, y_min, width, height]`, relative to the upright picture, 0..1, from the top
    left. `conf` is 0..1; below 0 where repeat-detection elimination has struck the detection out.
    """

    category: str
    conf: float
    bbox: BBox
    #: Category id and confidence 0..1 of each class, as a classifier that ran later wrote them.
    classifications: list[tuple[str, float]] | None = None
    #: Of a video: the frame it was found in, from 0.
    frame_number: int | None = None
    extra: dict[str, Any] | None = msgspec.field(default=None, name=_EXTRA)


class ImageResult(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One image (or video) of a results file. Those that we write list the surest first."""

    file: str
    #: None exactly when `failure` tells why.
    detections: list[Detection] | None
    failure: str | None = None
    #: Pixels of the upright picture.
    width: int | None = None
    height: int | None = None
    #: When the picture was taken by the camera's clock, `YYYY-MM-DD HH:MM:SS`, no time zone.
    datetime: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    #: The file was cut off, and what was missing was padded.
    truncated: bool = False
    meta: str | None = None
    #: Of a video: frames a second.
    frame_rate: float | None = None
    #: Of a video: the numbers of the frames that the detector saw.
    frames_processed: list[int] | None = None
    extra: dict[str, Any] | None = msgspec.field(default=None, name=_EXTRA)


Info = Mapping[str, Any]


class _Outcome(Protocol):
    """What is told of an image, whatever else is read of it."""

    @property
    def detections(self) -> Sequence[object] | None: ...

    @property
    def failure(self) -> str | None: ...


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ImageResult)
_list_decoder = msgspec.json.Decoder(list[ImageResult])
_any_decoder = msgspec.json.Decoder()
_IMAGE_FIELDS = frozenset(ImageResult.__struct_encode_fields__) - {_EXTRA}
_DETECTION_FIELDS = frozenset(Detection.__struct_encode_fields__) - {_EXTRA}
#: Said once more what the detections say; versions up to 1.2 had it, and copies went out of step.
_DERIVED = "max_detection_conf"


def failed(file: str, failure: ImageFailure, *, meta: str | None = None) -> ImageResult:
    return ImageResult(file=file, detections=None, failure=str(failure), meta=meta)


def rounded(detection: Detection) -> Detection:
    """The detection as it is written. Raises ValueError for a number that is not finite."""
    if not all(math.isfinite(number) for number in (detection.conf, *detection.bbox)):
        raise ValueError("the detector returned a number that is not finite")
    x, y, width, height = (round(float(side), COORDINATE_DECIMALS) for side in detection.bbox)
    return msgspec.structs.replace(
        detection,
        conf=round(float(detection.conf), CONF_DECIMALS),
        bbox=(x, y, width, height),
    )


def encode_image(result: ImageResult) -> bytes:
    """One line of a shard output or a results file, without a line end or comma."""
    if result.extra or any(detection.extra for detection in result.detections or ()):
        return _encoder.encode(flat_image(result))
    return _encoder.encode(result)


def flat_image(result: ImageResult) -> dict[str, Any]:
    """The image as the dictionary that its JSON is, `extra` merged in."""
    fields: dict[str, Any] = msgspec.to_builtins(result)
    for holder in (fields, *(fields["detections"] or ())):
        holder.update(holder.pop(_EXTRA, {}))
    return fields


def decode_image(line: bytes | msgspec.Raw) -> ImageResult:
    """The image of one line; the opposite of `encode_image`, and for every version of the format.

    `max_detection_conf` is dropped: `detections` says it. Raises msgspec.DecodeError,
    UnicodeDecodeError or RecursionError.
    """
    try:
        result = _decoder.decode(line)
    except msgspec.ValidationError:
        result = _decode_with_extra(line)
    require_outcome(result)
    return result


def decode_images(text: bytes) -> list[ImageResult]:
    """The images of a JSON list: with less work for each than one by one.

    Raises what `decode_image` raises; also where an image has fields that are not known here.
    """
    images = _list_decoder.decode(text)
    for image in images:
        require_outcome(image)
    return images


def require_outcome(image: _Outcome) -> None:
    """Raises msgspec.ValidationError for an image of which nothing is told."""
    if image.detections is None and image.failure is None:
        raise msgspec.ValidationError("There are neither `detections` nor a `failure`")


def _decode_with_extra(line: bytes | msgspec.Raw) -> ImageResult:
    fields = _any_decoder.decode(line)
    if isinstance(fields, dict):
        fields.pop(_DERIVED, None)
        fields.setdefault("detections", None)  # absent from failures in version 1.1
        if isinstance(fields["detections"], list):
            found = fields["detections"]
            fields["detections"] = [_set_apart(item, _DETECTION_FIELDS) for item in found]
    return msgspec.convert(_set_apart(fields, _IMAGE_FIELDS), ImageResult)


def _set_apart(fields: object, known: frozenset[str]) -> object:
    """The fields with those that are not `known` moved into one of their own."""
    if not isinstance(fields, dict) or fields.keys() <= known:
        return fields
    extra = {name: value for name, value in fields.items() if name not in known}
    return {name: value for name, value in fields.items() if name in known} | {_EXTRA: extra}
