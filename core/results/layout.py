"""Takes a results file apart into its top-level fields and the JSON of each image.

Our own layout, one image a line (see `core/results/writer.py`), is read by lines, in memory that
does not grow with the file. Any other is read whole.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from core.errors import InvalidResults
from core.results import foreign
from core.results.image_lines import CUT_OFF, DECODE_ERRORS, ImageLines, RawImage, T

_OPENING = b'"images": ['
_BYTE = re.compile(r" \(byte (\d+)\)$")
_NOT_NUMBERS = (b"NaN", b"Infinity", b"-Infinity")
#: The longest top-level field of our own layout, bytes; more is another layout.
_LONGEST_FIELD = 64 * 1024 * 1024
_ENDING = re.compile(rb"\n[ \t\r]*\][ \t\r]*\n\s*\}$")
#: Bytes at the end of a file in which the ending must stand.
_TAIL = 4096


@dataclass(frozen=True)
class Layout:
    """A results file, opened: the JSON of its top-level fields, `images` apart."""

    path: Path
    fields: dict[str, msgspec.Raw]
    #: Of our own layout; of any other, the images are in memory.
    lines: ImageLines | None
    whole: Sequence[msgspec.Raw] = ()

    def images(self, many: Callable[[bytes], list[T]], one: Callable[[RawImage], T]) -> Iterator[T]:
        """The images in file order: `many` decodes a list of them, `one` each of those it refuses.

        `many` refuses by raising one of DECODE_ERRORS. Raises InvalidResults where the file is cut
        off or damaged, and what `one` raises.
        """
        if self.lines is not None:
            return self.lines.decoded(many, one)
        return (one(RawImage(index, None, raw)) for index, raw in enumerate(self.whole))

    def raw_images(self) -> Iterator[RawImage]:
        """The same, none decoded."""
        return self.images(_none_at_once, lambda raw: raw)


def _none_at_once(_: bytes) -> list[RawImage]:
    raise msgspec.DecodeError


def open_layout(path: Path) -> Layout:
    """Look at the file and read what stands around the images.

    Raises InvalidResults, saying what the file is and what to do; OSError when there is no file.
    """
    with path.open("rb") as file:
        explained = foreign.explain_start(file.read(foreign.START))
        if explained:
            raise InvalidResults(f"{path} {explained}.")
        file.seek(0)
        header = _lined_header(file)
        tail = _tail(file)
    if header is not None and not tail.endswith(b"}"):
        raise InvalidResults(f"{path} {CUT_OFF}")
    if header is None or not _ENDING.search(tail):
        return _whole(path)
    fields, line, offset = header
    return Layout(path, fields, ImageLines(path, line, offset))


def _lined_header(file: BinaryIO) -> tuple[dict[str, msgspec.Raw], int, int] | None:
    """Top-level fields, and the line and byte of the first image; None for another layout."""
    if file.readline(16).strip() != b"{":
        return None
    fields: dict[str, msgspec.Raw] = {}
    line = 1
    while text := file.readline(_LONGEST_FIELD).strip():
        line += 1
        if text == _OPENING:
            start = file.tell()
            return (fields, line + 1, start) if _is_lined(file.readline(_LONGEST_FIELD)) else None
        field = _field(text)
        if field is None:
            return None
        fields.update(field)
    return None


def _is_lined(first: bytes) -> bool:
    text = first.strip()
    return text == b"]" or (text.startswith(b"{") and text.endswith((b"}", b"},")))


def _field(text: bytes) -> dict[str, msgspec.Raw] | None:
    """The one field of a header line such as `"info": {...},`, or None."""
    if not text.endswith(b","):
        return None
    try:
        field = msgspec.json.decode(b"{" + text[:-1] + b"}", type=dict[str, msgspec.Raw])
    except DECODE_ERRORS:
        return None
    return field if len(field) == 1 else None


def _tail(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    return file.read().rstrip()


def _whole(path: Path) -> Layout:
    data = path.read_bytes()
    try:
        if data.lstrip()[:1] == b"[":
            raise InvalidResults(f"{path} {foreign.explain_list(data)}.")
        fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except DECODE_ERRORS as error:
        raise InvalidResults(f"{path} {explain_json_error(error, data)}") from error
    if not {"info", "detection_categories", "images"} <= fields.keys():
        raise InvalidResults(f"{path} {foreign.explain_object(fields)}.")
    try:
        images = msgspec.json.decode(fields.pop("images"), type=list[msgspec.Raw])
    except DECODE_ERRORS as error:
        raise InvalidResults(f"{path}: /images must be a list of images.") from error
    return Layout(path, fields, None, images)


def explain_json_error(error: Exception, data: bytes) -> str:
    """Why `data` is not JSON: the place as line and column, both from 1, and what to do."""
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8; save it in that encoding."
    if isinstance(error, RecursionError):
        return "is nested more deeply than any results file."
    match = _BYTE.search(str(error))
    if not match:
        return CUT_OFF
    position = int(match[1])
    line = data.count(b"\n", 0, position) + 1
    column = position - data.rfind(b"\n", 0, position)
    return f"is not JSON at line {line}, column {column}: {_reason(error, data[position:])}."


def _reason(error: Exception, rest: bytes) -> str:
    # Some decoders point at the character after the minus sign.
    if rest[:16].lstrip(b"-").startswith(_NOT_NUMBERS):
        return "NaN and Infinity are not JSON; write null or leave the entry out"
    return _BYTE.sub("", str(error)).removeprefix("JSON is malformed: ")
