"""Whether other clocks agree with this host's.

What goes by the clock of the host that runs it, and is read by others: a SAS that begins just now
is refused by a host whose clock is behind, and a URL that is signed for a link (ten minutes, from
this moment on) by the storage as long as this host is ahead. Receivers of webhooks refuse messages
that are five minutes off, Azure and S3 requests that are fifteen. The rest has days to spare.

So a minute is a fault: people meet it. Five seconds are more than any host that keeps its clock by
NTP is off, and than a request and whole seconds (which is what a storage tells) explain.
"""

from datetime import datetime, timedelta

from cli.doctor.finding import Finding, Part, fault, ok, warning

_ODD, _WRONG = timedelta(seconds=5), timedelta(seconds=60)
_TODO = "Have both hosts keep their clocks by NTP (chrony, systemd-timesyncd)."
_NONE = timedelta()


def compared(
    whose: str, theirs: datetime, before: datetime, after: datetime, exact_to: timedelta = _NONE
) -> Finding:
    """Another clock showed `theirs`, cut off to `exact_to`, while ours went `before` to `after`."""
    off = max(theirs - after, _NONE) - max(before - theirs - exact_to, _NONE)
    if abs(off) <= _ODD:
        return ok(Part.CLOCK, whose, f"agrees with this host's, within {_ODD.seconds} s")
    word = "ahead of" if off > _NONE else "behind"
    seen = f"is {abs(off).total_seconds():,.0f} s {word} this host's"
    told = fault if abs(off) > _WRONG else warning
    return told(Part.CLOCK, whose, seen, _TODO)
