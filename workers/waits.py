"""Whose trouble an error is, and how long to wait before trying again."""

import random

from core.errors import ConfigError, ModelUnavailable, StorageTrouble, Unavailable

_FIRST, _LONGEST = 10.0, 300.0


def is_our_trouble(error: Exception) -> bool:
    """Redis or our own storage is away, or this machine lacks weights or keys: no job's fault."""
    if isinstance(error, StorageTrouble):
        return False
    return isinstance(error, (Unavailable, ModelUnavailable, ConfigError))


def wait_before_retry(errors: int) -> float:
    """Seconds before the next attempt, after so many errors before this one.

    Doubles each time, with full jitter over the upper half, so that what failed together does not
    come back together.
    """
    longest = min(_LONGEST, _FIRST * 2.0 ** min(errors, 20))
    return longest * random.uniform(0.5, 1.0)
