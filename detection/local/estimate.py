"""How fast a run goes, and what it will need, told from its first images. Pure."""

import math
from collections import deque
from collections.abc import Sequence

import msgspec

#: Images after which a run is told about.
SAMPLE = 20
# Seconds over which the rate is measured, so that it follows what a run meets on its way.
_WINDOW = 120.0


class Pace:
    """The rate of the last two minutes."""

    def __init__(self) -> None:
        #: Moments, about one a second, and how many images were finished by then.
        self._seen: deque[tuple[float, int]] = deque()
        self._last, self._count = 0.0, 0

    def count(self, now: float) -> None:
        """One more image is finished at this moment, in seconds of any clock."""
        self._last, self._count = now, self._count + 1
        if not self._seen or now - self._seen[-1][0] >= 1:
            self._seen.append((now, self._count))
        # Two are kept however long ago they were: of videos, each may take minutes.
        while len(self._seen) > 2 and now - self._seen[1][0] > _WINDOW:  # noqa: PLR2004
            self._seen.popleft()

    def rate(self) -> float | None:
        """Images a second; None while too little was seen."""
        began, before = self._seen[0] if self._seen else (0.0, 0)
        seconds = self._last - began
        return (self._count - before) / seconds if self._count > before and seconds > 0 else None


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a run will take."""

    images_per_second: float
    seconds: int
    #: Of the results file, bytes.
    results_bytes: int
    #: Bytes that the run needs while it goes on: its journal beside the results, and pictures.
    needed_bytes: int
    free_bytes: int


def estimate(
    lines: Sequence[int], rate: float, images: int, picture_bytes: int, free_bytes: int
) -> Estimate:
    """From the first images: the sizes of their lines, and the bytes of their pictures in all."""
    each = sum(lines) / len(lines)
    results = math.ceil(each * images)
    pictures = math.ceil(picture_bytes / len(lines) * images)
    return Estimate(
        images_per_second=rate,
        seconds=round(images / rate),
        results_bytes=results,
        needed_bytes=2 * results + pictures,
        free_bytes=free_bytes,
    )
