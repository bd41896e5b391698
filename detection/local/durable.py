"""Writing files so that a kill, or a loss of power, leaves what can be gone on with."""

import os
import time
from pathlib import Path

from core.replacing import whole_file

# Seconds between two syncs of what grows: what a loss of power may cost at most.
_SYNC_EVERY = 5.0


def write_whole(path: Path, data: bytes) -> None:
    """Write a file: whole, or not at all."""
    with whole_file(path) as part, part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def cut_to(path: Path, size: int) -> None:
    """Cut a file off after so many bytes; nothing where it is no longer, or not there."""
    if path.exists() and path.stat().st_size > size:
        os.truncate(path, size)


class Appender:
    """Adds to files; what was added is in the system's hands, and outlives this process."""

    def __init__(self) -> None:
        self._synced_at: dict[Path, float] = {}

    def add(self, path: Path, data: bytes) -> None:
        with path.open("ab", buffering=0) as file:
            while data:  # an unbuffered write may take a part alone
                data = data[file.write(data) :]
            now = time.monotonic()
            if now - self._synced_at.setdefault(path, now) >= _SYNC_EVERY:
                os.fsync(file.fileno())
                self._synced_at[path] = now

    def end(self, path: Path) -> None:
        """Nothing more is added to this file."""
        self._synced_at.pop(path, None)
        with path.open("ab") as file:
            os.fsync(file.fileno())
