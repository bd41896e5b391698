"""Traces that a job leaves behind are seen: in the storage, and in Redis."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from obstore.store import LocalStore
from redis import Redis

from core.jobs import FinalRecord, JobStatus, Progress, utc_now
from core.storage import Storage
from tests.torture.order import traces_in_redis, traces_in_storage

JOB = "megabatch:job:j"
RESULTS = "jobs/j/results/a.json"

Spoil = Callable[[Storage, Any], None]


def final() -> FinalRecord:
    now = utc_now()
    return FinalRecord(
        id="j",
        status=JobStatus.COMPLETED,
        model="demo",
        name="",
        created_at=now,
        started_at=now,
        finished_at=now,
        progress=Progress(),
        reason=None,
        results=RESULTS,
        results_bytes=2,
        results_digest="",
        files={},
    )


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        client.hset(JOB, "status", "completed")
        yield client


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(LocalStore(tmp_path))
    storage.create("jobs/j/final.json", msgspec.json.encode(final()))
    storage.create(RESULTS, b"{}")
    return storage


def traces(storage: Storage, client: Any) -> list[str]:
    return [*traces_in_redis(client, storage, ["j"]), *traces_in_storage(storage, ["j"])]


def test_a_job_that_has_ended_well(storage: Storage, client: Any) -> None:
    assert traces(storage, client) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda storage, client: storage.create("live/j", b""),
        lambda storage, client: storage.create("jobs/j/results/b.json", b"{}"),
        lambda storage, client: storage.delete(RESULTS),
        lambda storage, client: storage.delete("jobs/j/final.json"),
        lambda storage, client: client.zadd("megabatch:live", {"j": 1}),
        lambda storage, client: client.hset(JOB, "status", "merging"),
        lambda storage, client: client.delete(JOB),
        lambda storage, client: client.zadd(f"{JOB}:leases", {"0000001": 1}),
    ],
)
def test_a_trace(storage: Storage, client: Any, spoil: Spoil) -> None:
    spoil(storage, client)
    assert len(traces(storage, client)) == 1
