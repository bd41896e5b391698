"""Reads the images of our own layout, one a line; many at once where nothing is wrong with them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from core.errors import InvalidResults

#: What decoding JSON may raise.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

CUT_OFF = "ends too early: it was cut off. Copy, download or make it again."
#: About so many bytes of lines are decoded together: some hundreds of images.
_BATCH = 64 * 1024

T = TypeVar("T")


class RawImage(msgspec.Struct, frozen=True, gc=False):
    """The JSON of one image, and where it stands."""

    #: Position in `images`, from 0.
    index: int
    #: Line of the file, from 1; None where the file was read whole.
    line: int | None
    json: bytes | msgspec.Raw


@dataclass(frozen=True)
class ImageLines:
    """The lines of a file from its first image on, to its end."""

    path: Path
    #: Line of the file, from 1, and byte, from 0, of the first image.
    line: int
    offset: int

    def decoded(
        self, many: Callable[[bytes], list[T]], one: Callable[[RawImage], T]
    ) -> Iterator[T]:
        """The images in file order: `many` decodes a list of them, `one` each of those it refuses.

        `many` refuses by raising one of DECODE_ERRORS. Raises InvalidResults where the file is cut
        off or damaged, and what `one` raises.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            reading = _Reading(self.path, file, self.line)
            while lines := file.readlines(_BATCH):
                batch = _batch(lines, many)
                if batch is None:
                    yield from map(one, reading.checked(lines))
                else:
                    reading.skip(len(lines))
                    yield from batch
            reading.check_end()


def _batch(lines: Sequence[bytes], many: Callable[[bytes], list[T]]) -> list[T] | None:
    """The images of these lines; None where one is odd, or the last of the file is among them."""
    text = b"".join(lines).rstrip()
    if not text.endswith(b","):
        return None
    try:
        images = many(b"[" + text[:-1] + b"]")
    except DECODE_ERRORS:
        return None
    # What is spread over other lines than one an image is told by its lines.
    return images if len(images) == len(lines) else None


class _Reading:
    """How far the lines of a file were read, and whether commas and brackets stand right."""

    def __init__(self, path: Path, file: BinaryIO, line: int) -> None:
        self._path, self._file, self._first = path, file, line
        #: The line that comes next.
        self._line = line
        #: Whether the line before ended with a comma; None before the first.
        self._comma: bool | None = None
        self._ended = False

    def skip(self, count: int) -> None:
        """So many lines were images, each with a comma."""
        self._require_comma()
        self._line += count
        self._comma = True

    def checked(self, lines: Sequence[bytes]) -> Iterator[RawImage]:
        """The images of these lines, up to the end of the list."""
        for number, full in enumerate(lines):
            text = full.strip()
            if text == b"]":
                self._end(b"".join(lines[number + 1 :]))
                return
            self._require_comma()
            self._comma = text.endswith(b",")
            yield RawImage(self._line - self._first, self._line, text[:-1] if self._comma else text)
            self._line += 1

    def _require_comma(self) -> None:
        if self._comma is False:
            raise self._wrong(self._line - 1, "the comma after this image is missing")

    def check_end(self) -> None:
        if not self._ended:
            raise InvalidResults(f"{self._path} {CUT_OFF}")

    def _end(self, rest: bytes) -> None:
        if self._comma:
            raise self._wrong(self._line - 1, "the last image has a comma after it")
        if (rest + self._file.read()).strip() != b"}":
            raise self._wrong(self._line + 1, "only the closing `}` may follow here")
        self._ended = True

    def _wrong(self, line: int, what: str) -> InvalidResults:
        return InvalidResults(f"{self._path}, line {line}: {what}.")
