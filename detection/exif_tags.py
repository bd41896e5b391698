"""Tags of a picture's EXIF data by their names, as JSON can hold them."""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from PIL import ExifTags, Image

from core.errors import InvalidRequest

# The place of a picture is asked for apart; the others lead to it, or hold what is no text.
_NOT_GIVEN = frozenset({"GPSInfo", "ExifOffset", "MakerNote", "JPEGTables", "XMLPacket"})

#: Name to number of the tags that can be asked for. Source: Exif 2.32, as Pillow lists it.
TAGS: Mapping[str, int] = {
    tag.name: tag.value for tag in ExifTags.Base if tag.name not in _NOT_GIVEN
}

#: Longer texts are cut, letters: a results file is no place for a camera's notes.
LONGEST_TEXT = 200


def check_tags(names: Sequence[str]) -> None:
    """Raises InvalidRequest for a name that is no tag's."""
    for name in names:
        if name not in TAGS:
            near = get_close_matches(name, TAGS, n=1)
            asked = f"; did you mean {near[0]}?" if near else ", such as Model or Flash."
            raise InvalidRequest(f"{name!r} is no EXIF tag that can be added{asked}")


def chosen_tags(exif: Image.Exif, names: Sequence[str]) -> dict[str, Any]:
    """The tags of these names that are there, in their order."""
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    found = {name: _value(exif.get(TAGS[name], inner.get(TAGS[name]))) for name in names}
    return {name: value for name, value in found.items() if value not in (None, "")}


def _value(value: Any) -> Any:
    """The value as JSON holds it; None for what it cannot hold."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().strip("\0 ")[:LONGEST_TEXT]
    if isinstance(value, tuple):
        return [_value(part) for part in value]
    if isinstance(value, int):
        return int(value)
    try:
        number = float(value)  # a fraction of Pillow's own kind, whose denominator may be 0
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None
