"""Lists of images in files: plain text, a name a line, or JSON as the API takes it."""

from collections.abc import Callable, Iterator
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


class ListEntries:
    """Entries, made each time that they are looked at: a million take little more than the file."""

    def __init__(self, entries: Callable[[], Iterator[ListEntry]]) -> None:
        self._entries = entries

    def __iter__(self) -> Iterator[ListEntry]:
        return self._entries()


def read_list(path: Path) -> ListEntries:
    """The entries of a list. Raises InvalidRequest, saying what is wrong with it; OSError."""
    data = path.read_bytes()
    if path.suffix.lower() == ".json":
        return _of_json(path, data)
    text = _text(path, data)
    return ListEntries(lambda: (ListEntry(line) for line in _lines(text) if line.strip()))


def _lines(text: str) -> Iterator[str]:
    # By line feeds alone: other signs that end lines may stand in names.
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end].rstrip("\r")
        start = end + 1


def _of_json(path: Path, data: bytes) -> ListEntries:
    try:
        images = parse_image_list(data, pointer="")
        return ListEntries(lambda: (ListEntry(one.name, one.meta) for one in images))
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
