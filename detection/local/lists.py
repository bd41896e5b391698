"""Lists of images in files: plain text, a name a line, or JSON as the API takes it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from core.containers.image_list_source import parse_image_list
from core.errors import InvalidRequest

#: Suffixes by which a file is taken for a list of images, and not for an image.
LIST_SUFFIXES = frozenset({".json", ".txt"})

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class ListEntry(msgspec.Struct, frozen=True):
    """A path or URL, and the text that goes with it."""

    name: str
    meta: str | None = None


def read_list(path: Path) -> Sequence[ListEntry]:
    """The entries of a list. Raises InvalidRequest, saying what is wrong with it; OSError."""
    data = path.read_bytes()
    if path.suffix.lower() == ".json":
        return _of_json(path, data)
    # By line feeds alone: other signs that end lines may stand in names.
    lines = (line.rstrip("\r") for line in _text(path, data).split("\n"))
    return [ListEntry(line) for line in lines if line.strip()]


def _of_json(path: Path, data: bytes) -> list[ListEntry]:
    try:
        return [ListEntry(one.name, one.meta) for one in parse_image_list(data, pointer="")]
    except InvalidRequest as error:
        at = f", entry {error.pointer.removeprefix('/')}" if error.pointer else ""
        raise InvalidRequest(f"{path}{at}: {error.message}") from error


def _text(path: Path, data: bytes) -> str:
    # PowerShell writes UTF-16 where `>` sends a list to a file.
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # no name holds it; UTF-16 without its mark does, taken for UTF-8
        raise InvalidRequest(f"{path} is not text in UTF-8; a list holds a path or URL a line.")
    return text
