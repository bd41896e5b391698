"""Bounds the decoded pixels that the pipeline holds, in bytes."""

import threading


class BudgetClosed(Exception):
    """The pipeline ends; nobody will look at what was about to be decoded."""


class PixelBudget:
    """Bytes of decoded pixels, reserved before decoding and given back after detection.

    What is held stays within `limit`, with one exception: the image that the detector waits for
    may always be decoded once nothing else is being detected. So one huge image, or a batch that
    is still being filled, can never stop the pipeline.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._detecting = 0
        self._wanted = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """Bytes reserved and not yet given back."""
        return self._held

    def reserve(self, index: int, size: int) -> None:
        """Wait until `size` bytes may be decoded for the image that is `index`-th in the list.

        Raises BudgetClosed when the pipeline ends meanwhile.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._may_reserve(index, size))
            if self._closed:
                raise BudgetClosed
            self._held += size

    def _may_reserve(self, index: int, size: int) -> bool:
        if self._held + size <= self._limit:
            return True
        return index <= self._wanted and self._detecting == 0

    def want(self, index: int) -> None:
        """Tell that the pipeline goes on with the image that is `index`-th in the list."""
        with self._changed:
            self._wanted = index
            self._changed.notify_all()

    def give_back(self, size: int) -> None:
        """Give back bytes that were reserved and will not be detected."""
        with self._changed:
            self._held -= size
            self._changed.notify_all()

    def start_detecting(self, size: int) -> None:
        with self._changed:
            self._detecting += size

    def end_detecting(self, size: int) -> None:
        """Give back bytes that were being detected."""
        with self._changed:
            self._detecting -= size
        self.give_back(size)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
