"""How often may be asked: requests a minute of each caller, and failed keys of each address.

Sources: draft-ietf-httpapi-ratelimit-headers (`RateLimit`, `RateLimit-Policy`), RFC 6585 (429).
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from flask import Flask, Response, g

from api.problems import TooManyFailedKeys, TooManyRequests
from core.config import Settings

_MINUTE = 60.0
#: Keys nobody knows that one address may try a minute.
FAILED_KEYS = 30
# Of whom turns are remembered; whoever falls out has all of them again.
_KEPT_NAMES = 10_000
# Sums of many small numbers are not quite what they should be.
_ROUNDING = 1e-6


class Turn(msgspec.Struct, frozen=True):
    """What became of asking for a turn."""

    #: Seconds until a turn is free; 0 when this one was had.
    wait: float
    #: Turns left.
    left: int
    #: Seconds until all turns are back.
    full_in: float


class Turns:
    """So many turns a minute for each name, which come back evenly; safe between threads.

    One number is kept a name: when all its turns are back (the generic cell rate algorithm). All
    turns may be had at once, so that in a first minute a name has up to twice as many.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_minute = a_minute
        self._each = _MINUTE / a_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, name: str) -> Turn:
        """Take a turn, if there is one."""
        now = self._clock()
        with self._lock:
            turn = self._look(name, now)
            if not turn.wait:
                self._full_at[name] = now + turn.full_in + self._each
                self._full_at.move_to_end(name)
                if len(self._full_at) > _KEPT_NAMES:
                    self._full_at.popitem(last=False)
                turn = Turn(0, turn.left - 1, turn.full_in + self._each)
        return turn

    def look(self, name: str) -> Turn:
        """What taking a turn would find."""
        with self._lock:
            return self._look(name, self._clock())

    def _look(self, name: str, now: float) -> Turn:
        full_in = max(0.0, self._full_at.get(name, now) - now)
        free_in = full_in + self._each - _MINUTE
        left = math.floor((_MINUTE - full_in + _ROUNDING) / self._each)
        return Turn(free_in if free_in > _ROUNDING else 0, left, full_in)


class Limits:
    """The limits of one API process: what it counts is its own, and is gone with it."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = Turns(settings.requests_per_minute, clock)
        self._failed_keys = Turns(FAILED_KEYS, clock)

    def count_request(self, name: str) -> None:
        """Count a request of this caller or address. Raises TooManyRequests."""
        turn = self._requests.take(name)
        g.turn = turn, self._requests.a_minute
        if turn.wait:
            raise TooManyRequests(
                f"More than {self._requests.a_minute} requests a minute; wait as long as "
                "Retry-After says. A job that goes on need not be asked for more often than its "
                "own Retry-After says.",
                retry_after=seconds(turn.wait),
            )

    def check_address(self, address: str) -> None:
        """Raises TooManyFailedKeys when this address has tried too many keys that nobody knows."""
        turn = self._failed_keys.look(address)
        if turn.wait:
            raise TooManyFailedKeys(retry_after=seconds(turn.wait))

    def count_failed_key(self, address: str) -> None:
        self._failed_keys.take(address)


def seconds(wait: float) -> int:
    """Whole seconds, one at least, as headers tell them."""
    return max(1, math.ceil(wait))


def add_limit_headers(app: Flask) -> None:
    """Tell whoever is counted how many requests are left."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    counted: tuple[Turn, int] | None = g.get("turn")
    if counted is not None:
        turn, a_minute = counted
        response.headers.add("RateLimit-Policy", f'"requests";q={a_minute};w=60')
        response.headers.add("RateLimit", f'"requests";r={turn.left};t={seconds(turn.full_in)}')
    return response
