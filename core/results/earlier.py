"""What succeeded in an earlier results file, to be looked up by image; memory stays flat."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from core.errors import Unavailable
from core.image_list import ListedImage

# The rest lies in a file of SQLite's own, which is deleted with the process, however that ends.
_CACHE_KIB = 32 * 1024


class Success(msgspec.Struct, frozen=True):
    """One image that succeeded: with the version that was read, and its line of the results."""

    image: ListedImage
    line: bytes


class EarlierResults:
    """An index of lines by image. Fill, use and close it in one thread.

    Every method raises Unavailable when the disk for temporary files is full.
    """

    def __init__(self) -> None:
        # Its own kind of database: temporary, and on the disk as soon as the cache is full.
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._base.execute("PRAGMA journal_mode = OFF")
        self._base.execute(
            "CREATE TABLE successes (name BLOB PRIMARY KEY, version, line BLOB) WITHOUT ROWID"
        )
        self._base.execute("BEGIN")

    def add(self, success: Success) -> None:
        image = success.image
        with _translated():
            self._base.execute(
                "INSERT OR IGNORE INTO successes VALUES (?, ?, ?)",
                (image.name.encode(), _version(image), success.line),
            )

    def line_of(self, image: ListedImage, *, same_version: bool) -> bytes | None:
        """The line of the image with this name; None where there is none.

        `same_version`: only where size and ETag are told, and are the same.
        """
        with _translated():
            row = self._base.execute(
                "SELECT version, line FROM successes WHERE name = ?", (image.name.encode(),)
            ).fetchone()
        if row is None:
            return None
        version, line = row
        if same_version and (version is None or version != _version(image)):
            return None
        return bytes(line)

    def close(self) -> None:
        self._base.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(
            f"Earlier results cannot be looked up ({error}): is there room for "
            "temporary files? TMPDIR says where they lie."
        ) from error


def _version(image: ListedImage) -> str | None:
    return None if image.etag is None else f"{image.size} {image.etag}"
