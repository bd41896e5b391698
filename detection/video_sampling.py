"""Which frames of a video are looked at."""

import math

import msgspec

# Containers that count in milliseconds write the thirtieth frame of a second a little early.
_SLACK = 0.001
# A step where neither the frames nor their container tell one, seconds.
_UNKNOWN_STEP = 1 / 25


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Which frames are looked at: all of them where nothing is said; the first one always."""

    #: The first of each so many frames.
    every: int | None = None
    #: The first frame of each so many seconds, by the frames' own times: cameras slow down in the
    #: dark, and a frame rate is an average.
    every_seconds: float | None = None


class Picker:
    """Tells of one frame after another whether it is taken."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._due = 0.0

    def takes(self, number: int, seconds: float) -> bool:
        """Whether the frame of this number, so many seconds after the first, is taken."""
        step = self._sampling.every_seconds
        if step is None:
            return number % (self._sampling.every or 1) == 0
        if seconds < self._due - _SLACK:
            return False
        self._due = step * (math.floor((seconds + _SLACK) / step) + 1)
        return True


class Clock:
    """Turns time stamps into seconds since the first frame, which never go back.

    Stamps may be missing, or start anew where a camera joined two recordings.
    """

    def __init__(self, frame_rate: float | None) -> None:
        self._step = 1 / frame_rate if frame_rate else _UNKNOWN_STEP
        self._last: float | None = None
        self._seconds: float | None = None

    def seconds(self, stamp: float | None) -> float:
        """The time of the next frame, whose stamp (seconds) is this."""
        expected = None if self._last is None else self._last + self._step
        if self._seconds is None:
            self._seconds = 0.0
        elif stamp is None or self._last is None or stamp <= self._last:
            self._seconds += self._step
        else:
            self._seconds += stamp - self._last
        self._last = expected if stamp is None else stamp
        return self._seconds
