"""What a rule of the format finds, and the rules for all that stands around the images.

A rule takes a decoded JSON value, whatever its type, and yields findings. A rule that names a
version holds from it on. They are those of the public validator, and what it leaves out: boxes,
ranges, ids, video fields that contradict each other. Those for images: `image_rules.py`.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import msgspec

from core.results import versions
from core.results.versions import Version


class Severity(enum.StrEnum):
    """How bad a fault is."""

    #: Against the format: programs may refuse the file or misread it.
    ERROR = "error"
    #: Allowed, but probably not what was meant.
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    severity: Severity
    #: JSON pointer below the value that was looked at, such as `/detections/0/conf`.
    pointer: str
    message: str


Findings = Iterator[Finding]

_ID = re.compile(r"\d+", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_KNOWN = frozenset(
    {
        "info",
        "detection_categories",
        "classification_categories",
        "classification_category_descriptions",
        "images",
    }
)


@dataclass(frozen=True)
class Context:
    """What the rules about images need to know of the rest of the file."""

    version: Version
    detection_ids: frozenset[str]
    classification_ids: frozenset[str]


def error(pointer: str, message: str) -> Finding:
    """Something against the format, at a JSON pointer below what is looked at."""
    return Finding(Severity.ERROR, pointer, message)


def warning(pointer: str, message: str) -> Finding:
    """Something that is allowed and odd."""
    return Finding(Severity.WARNING, pointer, message)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: object) -> TypeGuard[int]:
    """Whether a JSON value is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def step(name: str) -> str:
    """A name as one step of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def check_top(fields: Mapping[str, Any], version: Version) -> Findings:
    """What is wrong with the top-level fields, `images` left out."""
    yield from check_info(fields.get("info"))
    yield from check_categories(
        "/detection_categories", fields.get("detection_categories"), version
    )
    names = fields.get("classification_categories")
    if names is not None:
        yield from check_categories("/classification_categories", names, version)
    descriptions = fields.get("classification_category_descriptions")
    if descriptions is not None:
        yield from _check_descriptions(descriptions, names)
    for name in fields:
        if name not in _KNOWN:
            yield warning(f"/{step(name)}", "the format does not know this field")


def check_info(info: object) -> Findings:
    """What is wrong with `info`."""
    if not isinstance(info, dict):
        yield error("/info", "must be an object")
        return
    yield from _check_version(info)
    for name in ("detector", "classifier"):
        if not isinstance(info.get(name, ""), str):
            yield error(f"/info/{name}", "must be a string")
    for name in ("detector_metadata", "classifier_metadata"):
        if not isinstance(info.get(name, {}), dict):
            yield error(f"/info/{name}", "must be an object")
    for name in ("detection_completion_time", "classification_completion_time"):
        if name in info and not _TIME.fullmatch(str(info[name])):
            yield warning(f"/info/{name}", "is not written as YYYY-MM-DD HH:MM:SS")


def _check_version(info: Mapping[str, Any]) -> Findings:
    pointer = "/info/format_version"
    if "format_version" not in info:
        yield error(pointer, "is missing; the rules of 1.0 are applied")
        return
    try:
        version = versions.read_version(info)
    except ValueError as reason:
        yield error(pointer, f"{reason}; the rules of 1.0 are applied")
        return
    if version >= versions.STRICT_NAMES and not isinstance(info["format_version"], str):
        yield error(pointer, "must be a string since 1.6")
    if version[0] != versions.NEWEST[0]:
        yield error(pointer, "is not a version that is known here; 1.0 to 1.6 are")
    elif version > versions.NEWEST:
        yield warning(pointer, "is newer than the rules applied, those of 1.6")
    if version < versions.WITHOUT_MAX_CONF:
        yield warning(pointer, "is older than 1.3, which many programs no longer read")


def check_categories(pointer: str, categories: object, version: Version) -> Findings:
    """What is wrong with a map of category ids to names."""
    if not isinstance(categories, dict):
        yield error(pointer, "must be an object of ids and names")
        return
    for number, name in categories.items():
        if not _ID.fullmatch(number):
            yield error(f"{pointer}/{step(number)}", "the id must be a whole number, 0 or more")
        if not isinstance(name, str):
            yield error(f"{pointer}/{step(number)}", "the name must be a string")
        elif version >= versions.STRICT_NAMES and not name.strip():
            yield error(f"{pointer}/{step(number)}", "the name must not be blank since 1.6")


def _check_descriptions(descriptions: object, names: object) -> Findings:
    pointer = "/classification_category_descriptions"
    if not isinstance(descriptions, dict):
        yield error(pointer, "must be an object of ids and descriptions")
        return
    known = names if isinstance(names, dict) else {}
    for number, text in descriptions.items():
        if number not in known:
            yield error(f"{pointer}/{step(number)}", "the id is not in classification_categories")
        if not isinstance(text, str):
            yield error(f"{pointer}/{step(number)}", "the description must be a string")
