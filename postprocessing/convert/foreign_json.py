"""Reads the JSON of other programs, and says what is wrong with it by its place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidResults
from core.results.format import ImageResult, decode_image
from core.results.image_lines import DECODE_ERRORS
from core.results.layout import explain_json_error
from core.results.reader import locate


def read_object(path: Path) -> dict[str, Any]:
    """The object that the file holds. Raises InvalidResults."""
    data = path.read_bytes()
    try:
        decoded = msgspec.json.decode(data)
    except DECODE_ERRORS as error:
        raise InvalidResults(f"{path} {explain_json_error(error, data)}") from error
    if not isinstance(decoded, dict):
        raise InvalidResults(f"{path} is no JSON object.")
    return decoded


def list_of(path: Path, fields: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list. Raises InvalidResults where it is none."""
    entries = fields.get(name)
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise InvalidResults(f"{path}: /{name} must be a list of objects.")
    return entries


def image_of(path: Path, pointer: str, fields: Mapping[str, Any]) -> ImageResult:
    """The image with these fields of our format, and others. Raises InvalidResults."""
    try:
        return decode_image(msgspec.json.encode(fields))
    except DECODE_ERRORS as error:
        below, reason = locate(error)
        raise InvalidResults(f"{path}: {pointer}{below}: {reason}.") from error


def wrong(path: Path, pointer: str, why: str) -> InvalidResults:
    return InvalidResults(f"{path}: {pointer}: {why}.")


def is_box(value: object) -> bool:
    """Whether a JSON value is four numbers."""
    return (
        isinstance(value, list)
        and len(value) == len(("x", "y", "width", "height"))
        and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    )
