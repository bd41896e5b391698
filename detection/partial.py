"""The beginning of a file that is being fetched; it outlives the process that wrote it.

.NAME.part         the bytes that came
.NAME.part.json    of which version of which file they are
.NAME.lock         held by whoever fetches now
"""

import hashlib
import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import msgspec

from core.replacing import replace
from detection.file_lock import held_alone


class Origin(msgspec.Struct, frozen=True):
    """Which version of which file it is: without an ETag nobody can tell, nor go on with it."""

    #: As `source_of` tells it of the file's URL.
    source: str
    etag: str
    #: Bytes of the whole file.
    size: int


def source_of(url: str) -> str:
    """What stands for a URL on the disk: a digest, for the URL may carry a secret."""
    return hashlib.sha256(url.encode()).hexdigest()


class Partial:
    """The partial file of a file to be. Only whoever holds it may write it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = target.with_name(f".{target.name}.part")
        self._note = self.path.with_name(f"{self.path.name}.json")

    def held(self) -> AbstractContextManager[None]:
        """Raises BlockingIOError while somebody else holds it."""
        return held_alone(self._target.with_name(f".{self._target.name}.lock"))

    @property
    def size(self) -> int:
        """Bytes that came."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def origin(self) -> Origin | None:
        """What it is the beginning of; None where there is nothing, or nobody can tell."""
        with suppress(FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            origin = msgspec.json.decode(self._note.read_bytes(), type=Origin)
            return origin if 0 < self.size <= origin.size else None
        return None

    def begin(self, origin: Origin | None) -> None:
        """Forget what came, and note of what the next bytes are; None where nobody can tell."""
        # In this order, so that a note never stands beside bytes of another version.
        self._note.unlink(missing_ok=True)
        self.path.write_bytes(b"")
        if origin is not None:
            self._note.write_bytes(msgspec.json.encode(origin))

    def finish(self) -> None:
        """Give it the name of its target."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        replace(self.path, self._target)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
