"""Fresh URLs, deletion and restoring in the job store, on a real server."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import redis

from core.job_reader import PREFIX
from core.job_store import JobStore
from core.jobs import AcceptedJob, JobStatus, Progress, utc_now
from core.messages import Message
from core.retention import deleted_at
from tests.factories import accepted_job, final_record
from tests.outbox import Outbox

J, K = "a" * 32, "b" * 32


@pytest.fixture
def running(store: JobStore) -> JobStore:
    store.create(accepted_job(J))
    store.planned(J, 0, 10)
    return store


def status(store: JobStore) -> JobStatus:
    job = store.get(J)
    assert job
    return job.status


def renewed(number: int, day: str = "2030-01-01") -> AcceptedJob:
    url = f"https://x.blob.core.windows.net/c?se={day}&sig=x"
    return msgspec.structs.replace(accepted_job(J, container_url=url), renewals=number)


# A fresh URL of the container.


def test_worker_that_does_not_know_the_newest_url_cannot_pause(running: JobStore) -> None:
    assert running.renew_container(renewed(1))
    assert not running.pause(J, "access_revoked: x", 0)
    assert status(running) is JobStatus.RUNNING
    assert running.pause(J, "access_revoked: x", 1)
    assert status(running) is JobStatus.PAUSED
    assert running.renew_container(renewed(2))
    assert status(running) is JobStatus.RUNNING


def test_fresh_url_of_a_running_job_is_shown_and_an_older_one_does_not_undo_it(
    running: JobStore,
) -> None:
    running.renew_container(renewed(2, "2031-01-01"))
    running.renew_container(renewed(1, "2030-01-01"))
    job = running.get(J)
    assert job and job.sas_expires_at == datetime(2031, 1, 1, tzinfo=UTC)
    assert not running.pause(J, "x", 1)


def test_url_whose_policy_keeps_its_end_shows_none(running: JobStore) -> None:
    running.renew_container(renewed(1))
    url = "https://x.blob.core.windows.net/c?si=policy&sig=x"
    job = accepted_job(J, container_url=url)
    running.renew_container(msgspec.structs.replace(job, renewals=2))
    shown = running.get(J)
    assert shown and shown.sas_expires_at is None


def test_planning_that_was_paused_goes_on(store: JobStore, outbox: Outbox) -> None:
    store.create(accepted_job(J))
    store.pause(J, "x")
    outbox.take()
    assert store.renew_container(renewed(1))
    assert Message("plan_job", J) in outbox.take()


def test_rebuilt_job_knows_how_many_urls_there_were(running: JobStore, client: redis.Redis) -> None:
    client.flushall()
    running.create(renewed(3))
    assert not running.pause(J, "x", 2) and running.pause(J, "x", 3)


@pytest.mark.parametrize("step", ["cancel", "merge", "end", "forget"])
def test_job_that_is_ending_takes_no_url(running: JobStore, client: redis.Redis, step: str) -> None:
    if step == "cancel":
        running.claim(J, 0, "w")
        running.cancel(J)
    elif step == "forget":
        client.flushall()
    else:
        running.cancel(J)
        if step == "end":
            running.finish(final_record(J))
    assert not running.renew_container(renewed(1))


# Deletion.


def test_removed_job_leaves_nothing(running: JobStore, client: redis.Redis) -> None:
    before = set(client.scan_iter(f"*{J}*"))
    running.cancel(J)
    running.finish(final_record(J))
    assert before and running.remove(J, "local")
    assert running.get(J) is None and running.list_jobs(9).jobs == []
    assert [key for key in client.scan_iter() if J.encode() in key] == []
    for key in client.scan_iter(f"{PREFIX}*"):
        assert J.encode() not in repr(client.dump(key)).encode()
    assert not running.remove(J, "local")


def test_ended_job_is_known_at_least_as_long_as_it_is_kept(
    running: JobStore, client: redis.Redis
) -> None:
    for job_id, expires in ((J, timedelta(days=180)), (K, timedelta(days=-3))):
        job = msgspec.structs.replace(accepted_job(job_id), expires_at=utc_now() + expires)
        final = final_record(job_id)
        client.flushall()
        running.create(job)
        running.cancel(job_id)
        running.finish(final)
        at = datetime.fromtimestamp(client.pexpiretime(f"{PREFIX}job:{job_id}") / 1000, UTC)
        assert at > deleted_at(job.expires_at, final) + timedelta(days=1)


# Restoring.


def test_restored_job_is_as_it_was(store: JobStore, client: redis.Redis) -> None:
    job = accepted_job(J, name="north")
    store.create(job)
    store.cancel(J)
    final = final_record(
        J,
        status=JobStatus.CANCELLED,
        name="north",
        finished_at=utc_now().replace(microsecond=0),
        progress=Progress(images=30, images_done=3, failures={"truncated": 1}),
        reason="why",
    )
    store.finish(final)
    before, ends = store.get(J), client.pexpiretime(f"{PREFIX}job:{J}")
    client.flushall()
    assert store.restore_ended(job, final)
    after = store.get(J)
    assert before and after == msgspec.structs.replace(before, merging_at=None)
    assert store.list_jobs(9).jobs == store.list_jobs(9, caller="local").jobs == [after]
    assert client.pexpiretime(f"{PREFIX}job:{J}") == ends
    assert store.reap("r") == []  # it is not live


def test_job_that_is_known_is_not_restored(running: JobStore) -> None:
    assert not running.restore_ended(accepted_job(J), final_record(J))
    assert status(running) is JobStatus.RUNNING


def test_restoring_ends_only_in_the_redis_in_which_it_began(
    store: JobStore, client: redis.Redis
) -> None:
    assert store.begin_restoring("one")
    client.flushall()
    assert not store.end_restoring("one")
    assert store.begin_restoring("two") and store.end_restoring("two")
    assert not store.begin_restoring("three")
    client.flushall()
    assert store.begin_restoring("four")


def test_a_turn_belongs_to_one_worker_until_it_runs_out(
    store: JobStore, client: redis.Redis
) -> None:
    assert store.hold("cleaner", "one", 60) and store.hold("cleaner", "one", 60)
    assert not store.hold("cleaner", "two", 60)
    assert store.hold("other", "two", 60)
    assert not store.hold("cleaner", "two", 0)
    assert store.hold("cleaner", "one", 0)
    assert store.hold("cleaner", "two", 60)
    client.delete(f"{PREFIX}cleaner")  # it ran out
    assert store.hold("cleaner", "one", 60)
    assert 59_000 < client.pttl(f"{PREFIX}cleaner") <= 60_000
