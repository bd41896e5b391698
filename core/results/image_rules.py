"""The rules of the format for one image, its detections and their classifications."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from core.results import versions
from core.results.rules import Context, Findings, error, is_count, is_number, warning
from core.results.versions import Version

#: How far beyond the edge a box may reach through the rounding of its corner and its size.
ROUNDING = 0.001
#: How far `max_detection_conf` may be off through rounding down, as programs since 2020 do it.
_CONF_ROUNDING = 0.002
_SIDES = ("x_min", "y_min", "width", "height")
_VIDEO_SUFFIXES = (".mp4", ".avi", ".mpeg", ".mpg", ".mov", ".mkv", ".flv")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]|\\\\")


def is_video(name: str) -> bool:
    return name.lower().endswith(_VIDEO_SUFFIXES)


def check_image(image: object, context: Context) -> Findings:
    """What is wrong with one entry of `images`."""
    if not isinstance(image, dict):
        yield error("", "must be an object")
        return
    name = image.get("file")
    if not isinstance(name, str) or not name:
        yield error("/file", "must be a string that is not empty")
        name = ""
    elif _ABSOLUTE.match(name):
        yield warning("/file", "is an absolute path; relative ones survive a move")
    yield from _check_outcome(image, context)
    yield from _check_max_conf(image, context.version)
    yield from _check_optional(image)
    if is_video(name):
        yield from _check_video(image, context.version)


def _check_outcome(image: Mapping[str, Any], context: Context) -> Findings:
    failure, detections = image.get("failure"), image.get("detections")
    if failure is not None and not isinstance(failure, str):
        yield error("/failure", "must be a string or null")
    elif failure is not None:
        yield from _check_failure(image, context.version)
    elif not isinstance(detections, list):
        yield error("/detections", "must be a list where there is no failure")
    if isinstance(detections, list):
        for index, detection in enumerate(detections):
            for found in _check_detection(detection, context):
                yield msgspec.structs.replace(found, pointer=f"/detections/{index}{found.pointer}")


def _check_failure(image: Mapping[str, Any], version: Version) -> Findings:
    if version < versions.WITH_FAILURES:
        yield warning("/failure", "1.0 keeps failures in a file of their own")
    if not image["failure"].strip():
        yield warning("/failure", "does not say what went wrong")
    if image.get("detections") is not None:
        yield error("/detections", "must be null where there is a failure, not a list")
    elif "detections" not in image and version >= versions.WITHOUT_MAX_CONF:
        yield warning("/detections", "is left out; null is clearer")


def _check_max_conf(image: Mapping[str, Any], version: Version) -> Findings:
    pointer = "/max_detection_conf"
    needed = version < versions.WITHOUT_MAX_CONF and image.get("failure") is None
    if "max_detection_conf" not in image:
        if needed:
            yield error(pointer, "is missing; versions before 1.3 need it")
        return
    written = image["max_detection_conf"]
    if not is_number(written):
        fault = error if needed else warning
        yield fault(pointer, "must be a number")
    elif abs(written - _max_conf(image.get("detections"))) > _CONF_ROUNDING:
        yield warning(pointer, "is not the highest confidence of the detections")


def _max_conf(detections: object) -> float:
    entries = detections if isinstance(detections, list) else []
    confs = (entry.get("conf") for entry in entries if isinstance(entry, dict))
    return max(filter(is_number, confs), default=0.0)


def _check_optional(image: Mapping[str, Any]) -> Findings:
    for name in ("width", "height"):
        size = image.get(name)
        if size is not None and (not is_count(size) or size == 0):
            yield error(f"/{name}", "must be a whole number of pixels, 1 or more")
    for name in ("datetime", "meta"):
        if not isinstance(image.get(name, ""), str | None):
            yield error(f"/{name}", "must be a string")
    if not isinstance(image.get("truncated", False), bool):
        yield error("/truncated", "must be true or false")
    for name, limit in (("latitude", 90), ("longitude", 180)):
        degrees = image.get(name)
        if degrees is not None and not (is_number(degrees) and abs(degrees) <= limit):
            yield error(f"/{name}", f"must be degrees between -{limit} and {limit}")


def _check_video(image: Mapping[str, Any], version: Version) -> Findings:
    failed = image.get("failure") is not None
    if version >= versions.WITH_FRAMES_PROCESSED or "frames_processed" in image:
        frames = image.get("frames_processed")
        if not isinstance(frames, list) or not all(is_count(frame) for frame in frames):
            yield error("/frames_processed", "must be a list of frame numbers, for a video")
    if version >= versions.WITH_FRAME_RATE or "frame_rate" in image:
        rate = image.get("frame_rate")
        if not is_number(rate):
            yield error("/frame_rate", "must be a number, for a video")
        elif rate < 0 and not failed:
            yield error("/frame_rate", "must not be negative where there is no failure")
    if version >= versions.WITH_FRAME_RATE:
        yield from _check_frame_numbers(image)


def _check_frame_numbers(image: Mapping[str, Any]) -> Findings:
    detections, frames = image.get("detections"), image.get("frames_processed")
    for index, detection in enumerate(detections if isinstance(detections, list) else ()):
        if not isinstance(detection, dict):
            continue
        pointer = f"/detections/{index}/frame_number"
        number = detection.get("frame_number")
        if not is_count(number):
            yield error(pointer, "must be a whole number, 0 or more, for a video")
        elif isinstance(frames, list) and number not in frames:
            yield warning(pointer, "is not among frames_processed")


def _check_detection(detection: object, context: Context) -> Findings:
    if not isinstance(detection, dict):
        yield error("", "must be an object")
        return
    category = detection.get("category")
    if not isinstance(category, str):
        yield error("/category", "must be a string")
    elif category not in context.detection_ids:
        yield error("/category", f"{category!r} is not in detection_categories")
    yield from _check_conf(detection.get("conf"))
    yield from _check_bbox(detection.get("bbox"))
    classes = detection.get("classifications")
    if classes is not None:
        yield from _check_classifications(classes, context)


def _check_conf(conf: object) -> Findings:
    if not isinstance(conf, float):
        yield error("/conf", "must be a number with a decimal point, such as 1.0")
    elif not -1 <= conf <= 1:
        yield error("/conf", "must be between 0 and 1, or its negative where struck out")


def _check_bbox(bbox: object) -> Findings:
    if not isinstance(bbox, list) or len(bbox) != len(_SIDES):
        yield error("/bbox", "must be a list of four: x_min, y_min, width, height")
        return
    sound = True
    for index, (side, value) in enumerate(zip(_SIDES, bbox, strict=True)):
        if not is_number(value) or not 0 <= value <= 1:
            yield error(f"/bbox/{index}", f"{side} must be a number between 0 and 1")
            sound = False
    if sound:
        yield from _check_extent(*bbox)


def _check_extent(left: float, top: float, width: float, height: float) -> Findings:
    if left + width > 1 + ROUNDING or top + height > 1 + ROUNDING:
        yield warning("/bbox", "reaches beyond the picture; is it [x_min, y_min, width, height]?")
    if width == 0 or height == 0:
        yield warning("/bbox", "has no area")


def _check_classifications(classes: object, context: Context) -> Findings:
    if not isinstance(classes, list):
        yield error("/classifications", "must be a list")
        return
    for index, entry in enumerate(classes):
        pointer = f"/classifications/{index}"
        if not isinstance(entry, list) or len(entry) != 2:  # noqa: PLR2004 - a pair
            yield error(pointer, "must be a list of two: category id and confidence")
            continue
        number, conf = entry
        if not isinstance(number, str) or number not in context.classification_ids:
            yield error(f"{pointer}/0", "must be an id of classification_categories")
        if not is_number(conf) or not 0 <= conf <= 1:
            yield error(f"{pointer}/1", "must be a number between 0 and 1")
