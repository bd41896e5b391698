"""The broker, Redis: that it answers, keeps what it is told, and has room for more."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from redis import Redis

from cli.doctor.case import Case
from cli.doctor.clock import compared
from cli.doctor.finding import Findings, Part, fault, guarded, ok, warning
from cli.redis_link import address_of, asked_redis
from core.config import Settings
from core.errors import Unavailable
from core.job_reader import JobReader
from core.jobs import utc_now
from core.redis_fitness import check_fitness

_PART = Part.BROKER
_PINGS = 5
#: Of `maxmemory`: from here on there is reason to look after it.
_NEARLY_FULL = 0.9
_MEGABYTE = 1_000_000
_MORE = "Raise its maxmemory: a full Redis takes no new jobs, and what runs waits."


class _Memory(msgspec.Struct):
    """What Redis says of its memory, bytes; a `maxmemory` of 0 is no limit."""

    used_memory: int = 0
    maxmemory: int = 0


class _Disk(msgspec.Struct):
    """What Redis says of the last time that it wrote to its disk: `ok`, or `err`."""

    aof_last_write_status: str = "ok"
    aof_last_bgrewrite_status: str = "ok"
    rdb_last_bgsave_status: str = "ok"


def examine(case: Case) -> Findings:
    if case.no_redis:
        todo = "Start it, and run this again, to have Redis and the workers examined."
        yield warning(_PART, "Redis", case.no_redis, todo)
        return
    yield from guarded(_PART, "Redis", _answers, case.settings)


def _answers(settings: Settings) -> Findings:
    with asked_redis(settings) as redis:
        redis.ping()  # the first connects
        at = address_of(settings.redis_url)
        yield ok(_PART, "Redis", f"{at} answers in {_round_trip(redis):.1f} ms".strip())
    for what, look in (("fitness", _fitness), ("memory", _memory), ("disk", _disk)):
        yield from guarded(_PART, what, _asked, settings, look)
    yield from guarded(Part.CLOCK, "Redis", _asked, settings, _clock)


def _asked(settings: Settings, look: Callable[[Redis], Findings]) -> Findings:
    with asked_redis(settings) as redis:
        yield from look(redis)


def _round_trip(redis: Redis) -> float:
    """The median of a few, ms."""
    times = []
    for _ in range(_PINGS):
        start = time.perf_counter()
        redis.ping()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def _fitness(redis: Redis) -> Findings:
    told = check_fitness(redis)
    if told:
        seen, _, todo = told.rpartition(". ")
        yield warning(_PART, "fitness", f"{seen}.", todo)
    else:
        yield ok(_PART, "fitness", "throws nothing away, and keeps an append-only file")


def _memory(redis: Redis) -> Findings:
    if redis.info("replication").get("role") == "slave":
        yield fault(_PART, "memory", "is a replica, and takes nothing", "Name its master.")
        return
    try:
        JobReader(redis, send=lambda _messages: None).check_room()
    except Unavailable as error:
        yield fault(_PART, "memory", error.message, _MORE)
        return
    told = msgspec.convert(redis.info("memory"), _Memory, strict=False)
    used, most = told.used_memory // _MEGABYTE, told.maxmemory // _MEGABYTE
    if not told.maxmemory:
        yield ok(_PART, "memory", f"{used:,} MB used, without a limit of its own")
    elif told.used_memory < _NEARLY_FULL * told.maxmemory:
        yield ok(_PART, "memory", f"{used:,} of {most:,} MB used")
    else:
        yield warning(_PART, "memory", f"{used:,} of {most:,} MB used", _MORE)


def _disk(redis: Redis) -> Findings:
    told = msgspec.convert(redis.info("persistence"), _Disk, strict=False)
    failed = [field for field, value in msgspec.structs.asdict(told).items() if value != "ok"]
    if failed:
        todo = "See its log: most often its disk is full, or not its own to write to."
        yield fault(_PART, "disk", f"could not write the last time ({', '.join(failed)})", todo)
    else:
        yield ok(_PART, "disk", "wrote without errors the last time")


def _clock(redis: Redis) -> Findings:
    before = utc_now()
    seconds, microseconds = redis.time()
    theirs = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)
    yield compared("Redis", theirs, before, utc_now())
