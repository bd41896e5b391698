"""Downloads: they go on where a broken connection left them, and appear whole or not at all."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO

import urllib3

from core.errors import MegaBatchError, Unavailable
from core.replacing import whole_file

#: Seconds before each further try. They begin anew whenever something has come.
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)

_PIECE = 1 << 20

#: Asks for the file with these headers. Raises MegaBatchError for a refusal.
Ask = Callable[[Mapping[str, str]], urllib3.BaseHTTPResponse]


class Download:
    """Writes what is asked for into an empty file, from its first byte to its last."""

    def __init__(self, ask: Ask, file: IO[bytes]) -> None:
        self._ask = ask
        self._file = file
        self._etag = ""
        self._start()

    def run(self, digest: str = "") -> int:
        """The bytes that came. Waits out broken connections once something has come.

        Raises MegaBatchError when they do not have this SHA-256 (hex), or the last error when
        nothing more comes.
        """
        waits, had = iter(WAITS), 0
        while (error := self._go_on()) is not None:
            if self._have > had:
                waits = iter(WAITS)
            had = self._have
            wait = next(waits, None) if self._have else None
            if wait is None:
                raise error
            time.sleep(wait)
        if digest and self._hash.hexdigest() != digest:
            raise MegaBatchError(
                "What came is not the file that the service has: its SHA-256 is another. "
                "Download it again."
            )
        return self._have

    def _start(self) -> None:
        """Forget what has come."""
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self._have = 0

    def _go_on(self) -> Exception | None:
        """Take what still comes; why it broke off, or None after the file's last byte."""
        try:
            self._take_rest()
        except (urllib3.exceptions.HTTPError, Unavailable) as error:
            return error
        return None

    def _take_rest(self) -> None:
        # A server that knows another file by now sends that one, whole.
        part = {"Range": f"bytes={self._have}-", "If-Range": self._etag}
        response = self._ask(part if self._have and self._etag else {})
        try:
            if response.status != HTTPStatus.PARTIAL_CONTENT:
                self._start()
                etag = response.headers.get("ETag", "")
                self._etag = "" if etag.startswith("W/") else etag
            for piece in response.stream(_PIECE):
                self._file.write(piece)
                self._hash.update(piece)
                self._have += len(piece)
        finally:
            response.close()


@contextmanager
def moved_into_place(target: Path) -> Iterator[IO[bytes]]:
    """A file to write, which gets the name `target` when the block ends without an error.

    Raises OSError that names `target` alone.
    """
    try:
        with whole_file(target) as part, part.open("wb") as file:
            yield file
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
