"""Telling one bad image from a storage in trouble."""

import threading

from core.errors import StorageTrouble

# Images that fail one after the other, after all their tries, before it is the storage that counts
# as failing. One image's failure stands in the results for good, so the number is small; three bad
# files beside each other on a dying disk are still told one by one.
_LIMIT = 4


class FailureStreak:
    """Counts images that could not be read since the last that could. Safe between threads."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._failures = 0
        self._lock = threading.Lock()

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, reason: str) -> None:
        """Count one more. Raises StorageTrouble, saying `reason`, at the limit and after it."""
        with self._lock:
            self._failures += 1
            over = self._failures >= self._limit
        if over:
            raise StorageTrouble(reason)
