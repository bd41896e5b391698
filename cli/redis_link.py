"""The way to Redis: who it is by its URL, and what its errors mean. No password is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
)

from core.config import Settings
from core.errors import ConfigError, Unavailable
from core.queue import connect_redis

#: How long Redis may take to answer.
REDIS_SECONDS = 5
_PORT = 6379


def address_of(url: str) -> str:
    """Host, port and database of a URL; nothing where a part of a password might be taken for one.

    That is so where a sign such as `/` or `#` stands in a password as it is.
    """
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.path + parts.query + parts.fragment:
        return ""
    return f"{parts.hostname}:{parts.port or _PORT}{parts.path.rstrip('/')}"


@contextmanager
def asked_redis(settings: Settings) -> Iterator[Redis]:
    """A client of Redis. Its errors are raised as ConfigError or Unavailable, saying what to do."""
    try:
        # Nothing is sent yet.
        redis = connect_redis(settings, socket_timeout=REDIS_SECONDS)
    except ValueError:  # whose text may hold a part of the password
        raise ConfigError(
            "REDIS_URL cannot be read. It looks like redis://:PASSWORD@HOST:6379/0; of a password, "
            "write / as %2F, # as %23, ? as %3F, @ as %40."
        ) from None
    with redis:
        try:
            yield redis
        except RedisError as error:
            raise _translated(error) from None


def _translated(error: RedisError) -> ConfigError | Unavailable:
    if isinstance(error, AuthenticationError):
        return ConfigError("Redis refuses the user or password. Correct it in REDIS_URL.")
    if isinstance(error, NoPermissionError):
        return ConfigError(
            "Redis does not allow this user what MegaBatch needs. Allow it all commands, "
            "on all keys that begin with megabatch:."
        )
    if isinstance(error, BusyLoadingError):
        return Unavailable("Redis is loading its data. Wait, and run this again.")
    return Unavailable(
        f"Redis does not answer ({_reason(error)}). See that it runs, that it can be reached from "
        "here, and that REDIS_URL names it."
    )


def _reason(error: RedisError) -> str:
    """In words of the system: the text of an error may hold whatever stands in the URL."""
    below = error.__cause__ or error.__context__
    if isinstance(below, TimeoutError):
        return f"it was silent for {REDIS_SECONDS} s"
    if isinstance(below, OSError) and below.strerror:
        return below.strerror
    return type(error).__name__
