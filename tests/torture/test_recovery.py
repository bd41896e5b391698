"""The clock of a recovery stops when the work goes on, and not before."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from redis import Redis

from tests.torture.recovery import Recovery, percentile
from tests.torture.stage import this_host

JOB = "megabatch:job:j"
TOKEN = f"{this_host()}-77-abc/1"
OTHER = f"{this_host()}-78-abc/1"
#: Several looks of the watch, s.
SOME_LOOKS = 0.5


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        client.zadd("megabatch:live", {"j": 1})
        client.hset(JOB, "status", "running")
        client.hset(f"{JOB}:owners", mapping={"0000003": TOKEN, "0000004": OTHER})
        yield client


@pytest.fixture
def recovery(redis_url: str, client: Any) -> Recovery:
    return Recovery(partial(Redis.from_url, redis_url, decode_responses=True))


def healed(recovery: Recovery) -> bool:
    until = time.monotonic() + 10
    while not recovery.is_healed and time.monotonic() < until:
        time.sleep(0.01)
    return recovery.is_healed


def test_leases_of_the_worker_that_is_killed(recovery: Recovery) -> None:
    assert recovery.held_by(77) == [("j", "0000003", TOKEN)]
    assert recovery.held_by(7) == []


def test_no_redis_tells_nothing() -> None:
    nobody = partial(Redis.from_url, "redis://127.0.0.1:1/0", decode_responses=True)
    assert Recovery(nobody).held_by(77) == []


@pytest.mark.parametrize("how", ["done", "claimed", "merging", "completed"])
def test_work_goes_on(recovery: Recovery, client: Any, how: str) -> None:
    with recovery.watching():
        recovery.begin(recovery.held_by(77))
        time.sleep(SOME_LOOKS)
        assert not recovery.is_healed
        if how == "done":
            client.setbit(f"{JOB}:done", 3, 1)
        elif how == "claimed":
            client.hset(f"{JOB}:owners", "0000003", OTHER)
        else:
            client.hset(JOB, "status", how)
        assert healed(recovery)
    assert len(recovery.seconds) == len(recovery.claimable) == 1
    assert recovery.seconds[0] >= SOME_LOOKS


def test_job_that_redis_has_lost_waits(recovery: Recovery, client: Any) -> None:
    with recovery.watching():
        recovery.begin(recovery.held_by(77))
        client.flushall()
        time.sleep(SOME_LOOKS)
        assert not recovery.is_healed
        assert recovery.claimable == []
        client.hset(JOB, "status", "running")
        client.zadd(f"{JOB}:ready", {"0000003": 1})
        time.sleep(SOME_LOOKS)
        assert not recovery.is_healed
        assert len(recovery.claimable) == 1
        client.hset(f"{JOB}:owners", "0000003", TOKEN + "2")
        assert healed(recovery)


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 5.0), (0.95, 10.0), (1.0, 10.0), (0.1, 1.0), (0.01, 1.0)]
)
def test_percentiles(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(10, 0, -1)], share) == value
    assert percentile([], share) == 0
