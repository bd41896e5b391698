"""How long and how often a storage is asked before it counts as not answering."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on tries and waits; times in seconds.

    The whole must stay below `Settings.stall_after`: a worker that waits for a storage is not
    stuck.
    """

    #: Requests for one thing, the first included.
    tries: int = 6
    #: The longest wait after the first try; it doubles with each, and the wait is drawn below it.
    first_wait: float = 0.5
    longest_wait: float = 20.0
    connect_seconds: float = 5.0
    #: The longest silence of the server.
    read_seconds: float = 20.0
    #: For all tries together; a body that is still coming in is given up too.
    total_seconds: float = 90.0

    def once_more(self) -> "Patience":
        """For a thing that was asked for in vain, while the server answers others."""
        return msgspec.structs.replace(
            self, tries=min(3, self.tries), total_seconds=self.total_seconds / 6
        )

    def wait_after(self, tries: int, retry_after: float | None = None) -> float:
        """Seconds to wait after so many failed tries, `retry_after` being what the server asked.

        Exponential with full jitter, so that many workers do not come back at once. Source: AWS
        Architecture Blog, "Exponential Backoff And Jitter" (2015).
        """
        drawn = random.uniform(0, min(self.longest_wait, self.first_wait * 2 ** (tries - 1)))
        return min(self.longest_wait, (retry_after or 0.0) + drawn)


#: For a check that somebody waits for.
QUICK = Patience(
    tries=2,
    first_wait=0.1,
    longest_wait=0.2,
    connect_seconds=1.0,
    read_seconds=1.5,
    total_seconds=2.0,
)


def seconds_of(retry_after: str | None, now: datetime | None = None) -> float | None:
    """What a `Retry-After` header asks for, seconds: a number, or a time. None if it says nothing.

    Source: RFC 9110, 10.2.3.
    """
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if when.tzinfo is None:
        return None
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
