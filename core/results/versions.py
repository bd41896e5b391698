"""The versions of the MegaDetector format: reading their numbers, and writing the older ones.

| version | since | what changed |
|---|---|---|
| 1.0 | 2019 | images that failed stand in a list of their own |
| 1.1 | 2021 | they stand among the images, with `failure` and without `detections` |
| 1.2 | 2022 | `info` may carry metadata of the detector |
| 1.3 | 2023 | no `max_detection_conf` |
| 1.4 | 2024 | videos: `frame_rate`, `frame_number` |
| 1.5 | 2025 | videos: `frames_processed` |
| 1.6 | 2026 | `format_version` is a string; category names are not blank |

Fields that a version does not know are left in place: each of them lets programs add their own.
Source: `megadetector-output-format.md` of the public MegaDetector repository and its history.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from core.results.format import CONF_DECIMALS, ImageResult, encode_image, flat_image

Version = tuple[int, int]

OLDEST: Version = (1, 0)
#: Failures stand among the images.
WITH_FAILURES: Version = (1, 1)
#: `max_detection_conf` is gone, and a failure has `detections: null`.
WITHOUT_MAX_CONF: Version = (1, 3)
WITH_FRAME_RATE: Version = (1, 4)
WITH_FRAMES_PROCESSED: Version = (1, 5)
#: `format_version` must be a string, and category names must say something.
STRICT_NAMES: Version = (1, 6)
NEWEST = STRICT_NAMES

_encoder = msgspec.json.Encoder()
_NUMBER = re.compile(r"(\d{1,4})\.(\d{1,4})")

#: The two texts that programs of an era compare with: (image access, inference), until a version.
_FAILURES_UNTIL: tuple[tuple[Version, tuple[str, str]], ...] = (
    ((1, 1), ("Failure image access", "Failure TF inference")),
    ((1, 4), ("Failure image access", "Failure inference")),
    ((1, 5), ("image access failure", "inference failure")),
)


def read_version(info: Mapping[str, Any]) -> Version:
    """The version that `info` names; 1.0 where it names none, as files of 2019 did.

    Raises ValueError when what stands there is not a version.
    """
    named = info.get("format_version", "1.0")
    match = _NUMBER.fullmatch(str(named))
    if not match:
        raise ValueError(f"{named!r} is not a version such as '1.6'")
    return int(match[1]), int(match[2])


def known_version(text: str) -> Version:
    """The version that somebody asked for. Raises ValueError naming those that can be written."""
    known = [(1, minor) for minor in range(NEWEST[1] + 1)]
    for version in known:
        if text == version_text(version):
            return version
    names = ", ".join(version_text(version) for version in known)
    raise ValueError(f"There is no format version {text!r}. Ask for one of {names}.")


def version_text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def info_in_version(info: Mapping[str, Any], version: Version) -> dict[str, Any]:
    """`info` for a file of that version."""
    return {**info, "format_version": version_text(version)}


def encode_in_version(result: ImageResult, version: Version) -> bytes | None:
    """The image's line in a file of that version; None for a failure in 1.0: see `failed_entry`."""
    words_changed = result.failure is not None and version <= _FAILURES_UNTIL[-1][0]
    if version >= WITHOUT_MAX_CONF and not words_changed:
        return encode_image(result)
    fields = _image_in_version(result, version)
    return None if fields is None else _encoder.encode(fields)


def _image_in_version(result: ImageResult, version: Version) -> dict[str, Any] | None:
    fields = flat_image(result)
    if result.failure is not None:
        return _failure_in_version(fields, version)
    if version < WITHOUT_MAX_CONF:
        return {"file": result.file, "max_detection_conf": max_conf(result), **fields}
    return fields


def _failure_in_version(fields: dict[str, Any], version: Version) -> dict[str, Any] | None:
    if version < WITH_FAILURES:
        return None
    if version < WITHOUT_MAX_CONF:
        del fields["detections"]
    fields["failure"] = _failure_text(fields["failure"], version)
    return fields


def _failure_text(failure: str, version: Version) -> str:
    """Ours, `inference failure: CODE`, in the words of the version's time; others as they are."""
    access = failure.startswith("image access failure: ")
    if access or failure.startswith("inference failure: "):
        for until, (access_text, inference_text) in _FAILURES_UNTIL:
            if version <= until:
                return access_text if access else inference_text
    return failure


def failed_entry(result: ImageResult) -> str | list[str]:
    """A failed image as the list of failed images of 1.0 has it: its name, or name and `meta`."""
    return result.file if result.meta is None else [result.file, result.meta]


def max_conf(result: ImageResult) -> float:
    """The confidence of the surest detection, 0.0 where there is none."""
    found = result.detections or ()
    return round(max((detection.conf for detection in found), default=0.0), CONF_DECIMALS)
