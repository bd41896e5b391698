"""The list of what webhooks are to be told, on a real server."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
import redis

from core.config import Settings
from core.delivery_queue import Due
from core.errors import Unavailable
from core.job_reader import PREFIX
from core.job_store import JobStore, Tally
from core.jobs import EVENTS, AcceptedJob, Event, JobStatus, Webhook, utc_now
from core.queue import connect_redis
from core.webhooks import Delivery
from tests.factories import accepted_job, final_record
from tests.outbox import Outbox

J, K = "a" * 32, "b" * 32
KEY = f"{PREFIX}deliveries"


def job(job_id: str = J, *events: Event, caller: str = "alice", **fields: Any) -> AcceptedJob:
    webhook = Webhook("https://hooks.example.org/x", events or EVENTS)
    made = accepted_job(job_id, webhook=webhook, **fields)
    return msgspec.structs.replace(made, caller=caller)


def waiting(client: redis.Redis) -> list[str]:
    return [member.decode() for member in client.zrange(KEY, 0, -1)]


def run_to_merging(store: JobStore, job_id: str = J) -> None:
    store.planned(job_id, 0, 10)
    store.listed(job_id, shards=1, images=10, duplicates=0, skipped={})
    store.done(job_id, 0, Tally(10))


# What is told.


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_start_and_end_are_told_once(store: JobStore, client: redis.Redis, status: str) -> None:
    store.create(job())
    assert waiting(client) == []
    store.planned(J, 0, 10)
    assert waiting(client) == [f"{J} job.started 1"]
    store.listed(J, shards=1, images=10, duplicates=0, skipped={})
    store.done(J, 0, Tally(10))
    final = final_record(J, status=JobStatus(status))
    assert store.finish(final) and not store.finish(final)
    assert sorted(waiting(client)) == sorted([f"{J} job.started 1", f"{J} job.{status} 1"])


def test_a_second_run_is_no_second_start(store: JobStore, client: redis.Redis) -> None:
    store.create(job())
    run_to_merging(store)
    store.end_delivery(Delivery(J, "job.started"))
    merge = store.claim(J, "merge", "w")
    assert merge and store.refuse(merge, [0])
    assert waiting(client) == []


def test_each_pause_is_told_of_its_own(store: JobStore, client: redis.Redis) -> None:
    store.create(job(J, "job.paused"))
    assert store.pause(J, "sas_expired: give a fresh one")
    assert waiting(client) == [f"{J} job.paused 1"]
    for number in (1, 2):
        renewed = msgspec.structs.replace(job(), renewals=number)
        assert store.renew_container(renewed) and store.pause(J, "again", urls=number)
    assert waiting(client) == [f"{J} job.paused {number}" for number in (1, 2, 3)]


def test_only_what_is_wanted_is_told(store: JobStore, client: redis.Redis) -> None:
    store.create(job(J, "job.completed"))
    run_to_merging(store)
    store.finish(final_record(J))
    store.emit(J, "job.expiring")
    assert waiting(client) == [f"{J} job.completed 1"]


def test_a_job_without_a_webhook_tells_nothing(store: JobStore, client: redis.Redis) -> None:
    store.create(accepted_job(J))
    run_to_merging(store)
    store.finish(final_record(J))
    store.emit(J, "job.expiring")
    assert waiting(client) == []


def test_what_no_status_tells_can_be_told(store: JobStore, client: redis.Redis) -> None:
    store.restore_ended(job(), final_record(J))
    store.emit(J, "job.expiring")
    first = client.zscore(KEY, f"{J} job.expiring 1")
    store.deliver_again(Delivery(J, "job.expiring"), 100)
    store.emit(J, "job.expiring")
    assert client.zscore(KEY, f"{J} job.expiring 1") >= first + 99_000
    # Of a job that Redis has lost, whoever delivers finds out what is wanted.
    store.emit(K, "job.expiring")
    assert f"{K} job.expiring 1" in waiting(client)


# Claiming.


def test_each_delivery_is_given_to_one_until_its_lease_runs_out(
    store: JobStore, client: redis.Redis
) -> None:
    store.create(job(J, "job.started"))
    store.planned(J, 0, 10)
    assert store.claim_delivery() == Due(Delivery(J, "job.started"), "alice")
    assert store.claim_delivery() is None
    (due,) = store.when_due([Delivery(J, "job.started")])
    assert due and timedelta(seconds=50) < due - utc_now() < timedelta(seconds=65)
    client.zincrby(KEY, -60_000, f"{J} job.started 1")
    assert store.claim_delivery() == Due(Delivery(J, "job.started"), "alice")


def test_the_oldest_comes_first_and_none_before_its_time(
    store: JobStore, client: redis.Redis
) -> None:
    store.emit(J, "job.completed")
    store.emit(K, "job.completed")
    client.zincrby(KEY, -5000, f"{K} job.completed 1")
    assert store.claim_delivery() == Due(Delivery(K, "job.completed"), "")
    store.deliver_again(Delivery(K, "job.completed"), 30)
    assert store.claim_delivery() == Due(Delivery(J, "job.completed"), "")
    assert store.claim_delivery() is None


def test_what_is_over_does_not_come_back(store: JobStore, client: redis.Redis) -> None:
    store.emit(J, "job.completed")
    store.end_delivery(Delivery(J, "job.completed"))
    store.deliver_again(Delivery(J, "job.completed"), 0)
    assert waiting(client) == []
    assert store.when_due([Delivery(J, "job.completed")]) == [None]


def test_a_caller_who_has_had_enough_turns_waits_for_the_others(
    store: JobStore, client: redis.Redis
) -> None:
    for number, caller in ((1, "alice"), (2, "alice"), (3, "bob")):
        name = str(number) * 32
        store.create(job(name, "job.completed", caller=caller))
        client.zadd(KEY, {f"{name} job.completed 1": number})
    assert store.claim_delivery(["alice"]) == Due(Delivery("3" * 32, "job.completed"), "bob")
    # Those that were passed over wait a little, so that others behind them are looked at.
    assert store.claim_delivery() is None
    assert store.claim_delivery(["alice"]) is None
    for number in (1, 2):
        client.zincrby(KEY, -1000, f"{str(number) * 32} job.completed 1")
    assert store.claim_delivery(["bob"]) == Due(Delivery("1" * 32, "job.completed"), "alice")


def test_redis_being_away_is_told() -> None:
    settings = Settings(redis_url="redis://127.0.0.1:1/0")
    with connect_redis(settings, socket_timeout=1) as nowhere:
        store = JobStore(nowhere, Outbox())
        with pytest.raises(Unavailable):
            store.claim_delivery()
        with pytest.raises(Unavailable):
            store.when_due([Delivery(J, "job.completed")])
