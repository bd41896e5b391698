"""What is counted and measured, on a real server: each thing that happens, once."""

import time

import pytest
import redis

from core.job_reader import PREFIX
from core.job_store import JobStore, Tally
from core.jobs import JobStatus, Progress
from core.lua_scripts import LEASE_MS
from core.measures import Measures, Stock
from tests.factories import accepted_job, final_record
from tests.outbox import Outbox

J, K = "a" * 32, "b" * 32


@pytest.fixture
def store(store: JobStore) -> JobStore:
    """A job J of three shards of ten images, all listed and sent."""
    store.create(accepted_job(J))
    for index in range(3):
        store.planned(J, index, 10)
    store.listed(J, shards=3, images=30, duplicates=0, skipped={})
    return store


def run(store: JobStore, index: int, tally: Tally | None = None) -> bool:
    assert store.claim(J, index, "w")
    return store.done(J, index, tally or Tally(10), seconds=5)


def test_an_empty_redis_has_nothing_to_tell(redis_url: str) -> None:
    store = JobStore(redis.Redis.from_url(redis_url), Outbox())
    assert store.measure(["demo"]) == Measures(
        counters={}, image_ms={}, workers={"demo": 0}, deliveries=0
    )


def test_jobs_are_counted_as_they_are_accepted_and_end(store: JobStore) -> None:
    store.create(accepted_job(J))
    store.create(accepted_job(K))
    store.cancel(K)
    store.finish(final_record(K, status=JobStatus.CANCELLED, progress=Progress()))
    store.finish(final_record(K, status=JobStatus.CANCELLED, progress=Progress()))
    assert store.measure([]).counted("jobs") == {"accepted": 2, "cancelled": 1}


def test_images_and_shards_are_counted_by_result(store: JobStore) -> None:
    run(store, 0)
    run(store, 1, Tally(10, failures={"truncated": 2, "corrupt": 1}))
    measures = store.measure([])
    assert measures.counted("shards") == {"done": 2}
    images = {which: times for which, times in measures.counted("images").items() if times}
    assert images == {"done": 17, "truncated": 2, "corrupt": 1}
    assert measures.image_ms == {"demo": 500}


def test_an_output_that_was_counted_is_a_duplicate(store: JobStore) -> None:
    run(store, 0)
    store.done(J, 0, Tally(10))
    store.done(J, 7, Tally(10))
    assert store.measure([]).counters["duplicate_outputs"] == 1
    assert store.measure([]).counted("shards") == {"done": 1}


def test_attempts_that_did_not_work_are_counted_by_their_end(store: JobStore) -> None:
    for index, outage in ((0, False), (1, True)):
        lease = store.claim(J, index, "w")
        assert lease and store.fail(lease, 0, outage=outage)
        assert not store.fail(lease, 0)
    assert store.measure([]).counted("shards") == {"errors": 1, "outages": 1}


def test_refused_outputs_are_counted(store: JobStore) -> None:
    for index in range(3):
        run(store, index)
    merge = store.claim(J, "merge", "w")
    assert merge and store.refuse(merge, [0, 2])
    assert store.measure([]).counted("shards") == {"done": 3, "refused": 2}


def test_lost_leases_are_counted_by_their_unit(store: JobStore, client: redis.Redis) -> None:
    store.create(accepted_job(K))
    assert store.claim(J, 0, "w") and store.claim(K, "plan", "w")
    store.reap("reaper")
    for job_id in (J, K):
        for unit, at in client.zrange(f"{PREFIX}job:{job_id}:leases", 0, -1, withscores=True):
            client.zadd(f"{PREFIX}job:{job_id}:leases", {unit: at - LEASE_MS - 1000})
    store.reap("reaper")
    assert store.measure([]).counted("leases_lost") == {"shard": 1, "plan": 1}


def test_messages_that_are_sent_again_are_counted(store: JobStore, client: redis.Redis) -> None:
    store.reap("reaper")
    for shard, at in client.zrange(f"{PREFIX}job:{J}:sent", 0, -1, withscores=True):
        client.zadd(f"{PREFIX}job:{J}:sent", {shard: at - 60_000})
    client.hset(f"{PREFIX}empty_since", "demo", "1")
    store.create(accepted_job(K))
    client.hset(f"{PREFIX}job:{K}", "sent_plan_job", "1")
    store.reap("reaper")
    assert store.measure([]).counted("sent_again") == {"run_shard": 3, "plan_job": 1}


def test_the_reaper_takes_stock_of_live_jobs(store: JobStore, client: redis.Redis) -> None:
    store.create(accepted_job(K))
    client.hset(f"{PREFIX}job:{K}", "created", int(time.time() * 1000) - 90_000)
    store.claim(K, "plan", "w")
    lease = store.claim(J, 0, "w")
    assert lease and store.claim(J, 1, "w")
    store.fail(lease, 60)
    assert store.measure([]).stock is None
    store.reap("reaper")
    measures = store.measure([])
    assert measures.stock and 90_000 <= measures.stock.oldest_ms < 100_000
    assert measures.stock == Stock(
        jobs={"queued": 1, "running": 1},
        shards={"ready": 1, "sent": 1, "leased": 1},
        oldest_ms=measures.stock.oldest_ms,
        open={"demo": 3},
    )
    assert measures.since_reaped_ms is not None and measures.since_reaped_ms < 5000


def test_only_running_jobs_have_open_shards(store: JobStore) -> None:
    lease = store.claim(J, 0, "w")
    assert lease and store.done(J, 1, Tally(10), seconds=5)
    store.reap("reaper")
    measured = store.measure([]).stock
    assert measured and measured.open == {"demo": 2}
    store.pause(J, "expired")
    store.reap("reaper")
    measured = store.measure([]).stock
    assert measured and measured.jobs == {"paused": 1} and measured.open == {}


def test_workers_are_counted_by_queue(store: JobStore) -> None:
    store.heartbeat("demo", "one")
    store.heartbeat("demo", "two")
    store.heartbeat("control", "three")
    assert store.measure(["demo", "control", "other"]).workers == {
        **{"demo": 2, "control": 1, "other": 0}
    }


def test_measuring_looks_at_no_job(store: JobStore, client: redis.Redis) -> None:
    for number in range(50):
        store.create(accepted_job(f"{number:032x}"))
    store.reap("reaper")
    store.measure(["demo"])
    client.config_resetstat()
    store.measure(["demo"])
    calls = {name: stat["calls"] for name, stat in client.info("commandstats").items()}
    assert sum(calls.values()) < 15, calls
