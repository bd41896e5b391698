"""How many requests a process may have at a server: fewer after a trouble, slowly more again.

As TCP does it with what is under way: a trouble halves it, each success adds a little. All readers
of a process share it, whatever container they read, for throttling is an account's and not a
container's. Source: Jacobson, "Congestion Avoidance and Control" (1988); for the storage: Microsoft
Learn, "Scalability and performance targets for Blob storage".
"""

import threading
import time
from functools import lru_cache

from core.containers.guard import Origin

#: Requests at a time at the most, and after any trouble at the least.
_MOST, _LEAST = 32.0, 1.0
#: Troubles within so many seconds are one: what was under way fails together.
_ONE_TROUBLE = 1.0
#: How often somebody who waits looks whether it is still to wait, seconds.
_LOOK_EVERY = 0.5


class RequestBudget:
    """The requests of this process at one server. Threads share it."""

    def __init__(self) -> None:
        self._window = _MOST
        self._under_way = 0
        self._not_before = 0.0
        self._shrunk_at = float("-inf")
        self._changed = threading.Condition()

    @property
    def window(self) -> float:
        """How many may be under way."""
        return self._window

    def enter(self, give_up: float, closed: threading.Event) -> bool:
        """Wait for a turn; `leave` ends it. False at `give_up` (monotonic), or once closed."""
        with self._changed:
            while True:
                now = time.monotonic()
                if closed.is_set():
                    return False
                if now >= self._not_before and self._under_way < int(self._window):
                    self._under_way += 1
                    return True
                if now >= give_up:
                    return False
                pause = self._not_before - now if now < self._not_before else _LOOK_EVERY
                self._changed.wait(min(pause, _LOOK_EVERY, give_up - now))

    def leave(self) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify()

    def succeeded(self) -> None:
        with self._changed:
            self._window = min(_MOST, self._window + 1 / self._window)

    def troubled(self, retry_after: float) -> None:
        """The server asks to be left alone for so many seconds, or gave no answer."""
        with self._changed:
            now = time.monotonic()
            self._not_before = max(self._not_before, now + retry_after)
            if now - self._shrunk_at >= _ONE_TROUBLE:
                self._window = max(_LEAST, self._window / 2)
                self._shrunk_at = now


@lru_cache(maxsize=256)
def budget_of(origin: Origin) -> RequestBudget:
    """The budget of a server in this process."""
    return RequestBudget()
