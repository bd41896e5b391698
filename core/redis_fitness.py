"""Whether a Redis can keep the live state of jobs: new enough, and throwing nothing away."""

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from core.errors import ConfigError, Unavailable

#: What Celery needs. Valkey tells of itself as the Redis that it agrees with. Source: Celery 5.7,
#: "What's new".
_OLDEST = (6, 2)
_KEEPS_ALL = "noeviction"
_NO_FILE = (
    "Redis keeps no append-only file: after a restart live jobs are rebuilt from our storage, "
    "which takes longer than going on. Set appendonly yes."
)


class _Told(msgspec.Struct):
    """What a server tells of itself, as far as it matters here."""

    redis_version: str = ""
    maxmemory_policy: str = _KEEPS_ALL
    aof_enabled: int = 1


def check_fitness(redis: Redis) -> str:
    """A warning about the server, or nothing.

    Raises ConfigError for one that would lose what is written, and Unavailable when none answers.
    """
    try:
        told = msgspec.convert(redis.info(), _Told, strict=False)
    except RedisError as error:
        raise Unavailable("Redis does not answer, or does not say what it is.") from error
    if _version(told.redis_version) < _OLDEST:
        raise ConfigError(
            f"REDIS_URL names a Redis {told.redis_version}; MegaBatch needs 6.2 or newer."
        )
    if told.maxmemory_policy != _KEEPS_ALL:
        raise ConfigError(
            f"REDIS_URL names a Redis that throws data away when it is full (maxmemory-policy "
            f"{told.maxmemory_policy}), and with it jobs. Set its maxmemory-policy to noeviction."
        )
    return "" if told.aof_enabled else _NO_FILE


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
