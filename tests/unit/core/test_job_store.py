"""The job store on a real server: every script, its refusals, and what follows from it."""

import pytest
import redis

from core.errors import Unavailable
from core.job_reader import PREFIX
from core.job_store import JobStore, Tally
from core.jobs import JobStatus, Progress
from core.lease import Lease
from core.lua_scripts import LEASE_MS
from core.messages import Message
from tests.factories import accepted_job, final_record
from tests.outbox import Outbox

J = "a" * 32
K = "b" * 32


@pytest.fixture
def running(store: JobStore, outbox: Outbox) -> JobStore:
    """A job J of three shards of ten images, all listed and sent."""
    store.create(accepted_job(J))
    for index in range(3):
        assert store.planned(J, index, 10)
    assert store.listed(J, shards=3, images=30, duplicates=0, skipped={".txt": 2})
    outbox.take()
    return store


def status(store: JobStore, job_id: str = J) -> JobStatus:
    job = store.get(job_id)
    assert job
    return job.status


def finish(store: JobStore, job_id: str, ended: JobStatus) -> bool:
    return store.finish(final_record(job_id, status=ended, progress=Progress(images=30)))


def expire_leases(client: redis.Redis, job_id: str = J) -> None:
    """Make every lease of a job look as if it had run out a moment ago."""
    key = f"{PREFIX}job:{job_id}:leases"
    for unit, at in client.zrange(key, 0, -1, withscores=True):
        client.zadd(key, {unit: at - LEASE_MS - 1000})


def age(client: redis.Redis, key: str, milliseconds: int) -> None:
    for member, at in client.zrange(PREFIX + key, 0, -1, withscores=True):
        client.zadd(PREFIX + key, {member: at - milliseconds})


def run(store: JobStore, index: int, worker: str = "w") -> bool:
    assert store.claim(J, index, worker)
    return store.done(J, index, Tally(10))


# The way of a job.


def test_created_job_is_queued_and_its_planning_sent(store: JobStore, outbox: Outbox) -> None:
    assert store.create(accepted_job(J))
    assert outbox.take() == [Message("plan_job", J)]
    job = store.get(J)
    assert job and job.status is JobStatus.QUEUED and job.waiting_for_workers


def test_creating_twice_changes_nothing(running: JobStore, outbox: Outbox) -> None:
    assert not running.create(accepted_job(J))
    assert outbox.take() == []
    assert status(running) is JobStatus.RUNNING


def test_first_image_list_starts_the_job_while_listing_goes_on(
    store: JobStore, outbox: Outbox
) -> None:
    store.create(accepted_job(J))
    outbox.take()
    store.planned(J, 0, 64)
    assert outbox.take() == [Message("run_shard", J, 0, "demo")]
    job = store.get(J)
    assert job and job.status is JobStatus.RUNNING and not job.progress.listing_over


def test_planned_out_of_turn_changes_nothing_and_tells_whose_turn_it_is(store: JobStore) -> None:
    assert store.planned(J, 0, 10) is None
    store.create(accepted_job(J))
    assert store.planned(J, 1, 10) == 0
    for index in range(3):
        assert store.planned(J, index, 10) == index + 1
    assert store.planned(J, 1, 10) == 3
    assert store.planned(J, 4, 10) == 3
    job = store.get(J)
    assert job and job.progress.shards == 3 and job.progress.images == 30


def test_listing_is_not_over_before_all_shards_are_known(store: JobStore) -> None:
    store.create(accepted_job(J))
    store.planned(J, 0, 10)
    assert not store.listed(J, shards=2, images=20, duplicates=0, skipped={})
    store.claim(J, 0, "w")
    store.done(J, 0, Tally(10))
    assert status(store) is JobStatus.RUNNING


def test_exactly_one_caller_sends_the_merge(running: JobStore, outbox: Outbox) -> None:
    for index in range(3):
        run(running, index)
    assert outbox.take().count(Message("merge_job", J)) == 1
    assert status(running) is JobStatus.MERGING
    assert not running.done(J, 2, Tally(10))
    assert outbox.take() == []


def test_empty_container_goes_straight_to_the_merge(store: JobStore, outbox: Outbox) -> None:
    store.create(accepted_job(J))
    store.listed(J, shards=0, images=0, duplicates=0, skipped={})
    assert status(store) is JobStatus.MERGING
    assert Message("merge_job", J) in outbox


def test_progress_adds_up(running: JobStore) -> None:
    running.claim(J, 0, "w")
    running.done(J, 0, Tally(10, {"truncated": 2, "not_found": 1}))
    running.claim(J, 1, "w")
    running.done(J, 1, Tally(10, {"truncated": 1}))
    job = running.get(J)
    assert job
    assert job.progress == Progress(
        listing_over=True,
        images=30,
        images_done=20,
        images_failed=4,
        failures={"not_found": 1, "truncated": 3},
        skipped={".txt": 2},
        shards=3,
        shards_done=2,
    )


@pytest.mark.parametrize("ended", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED])
def test_finished_job_keeps_its_view_and_nothing_else(
    running: JobStore, client: redis.Redis, ended: JobStatus
) -> None:
    for index in range(3):
        run(running, index)
    running.claim(J, "merge", "w")
    assert finish(running, J, ended)
    assert not finish(running, J, JobStatus.FAILED)
    job = running.get(J)
    assert job and job.status is ended and job.progress.images == 30 and job.finished_at
    assert client.keys(f"{PREFIX}job:*") == [f"{PREFIX}job:{J}".encode()]
    assert client.zcard(f"{PREFIX}live") == 0
    assert client.pttl(f"{PREFIX}job:{J}") > 0  # it goes when its time is over


def test_terminal_job_refuses_every_change(running: JobStore, outbox: Outbox) -> None:
    for index in range(3):
        run(running, index)
    finish(running, J, JobStatus.COMPLETED)
    outbox.take()
    assert running.cancel(J) is JobStatus.COMPLETED
    assert not running.pause(J, "x") and not running.renew_container(accepted_job(J))
    assert not running.abort(Lease(J, "plan", "w/1"), "x")
    assert not running.planned(J, 3, 1) and not running.done(J, 0, Tally(1))
    assert running.claim(J, 0, "w") is None and running.claim(J, "merge", "w") is None
    assert status(running) is JobStatus.COMPLETED
    assert outbox.take() == []


# Leases.


def test_leased_shard_is_refused_to_others(running: JobStore) -> None:
    assert running.claim(J, 0, "one")
    assert running.claim(J, 0, "two") is None


def test_done_shard_is_refused(running: JobStore) -> None:
    run(running, 0)
    assert running.claim(J, 0, "two") is None


def test_unknown_job_is_refused(store: JobStore) -> None:
    assert store.claim(K, 0, "w") is None
    assert store.cancel(K) is None
    assert store.get(K) is None
    assert not store.done(K, 0, Tally(1))
    assert not store.planned(K, 0, 1)
    assert not store.listed(K, shards=0, images=0, duplicates=0, skipped={})
    assert not store.pause(K, "x") and not store.renew_container(accepted_job(K))
    assert not finish(store, K, JobStatus.COMPLETED)


def test_output_of_a_lost_lease_still_counts_once(running: JobStore, client: redis.Redis) -> None:
    running.claim(J, 0, "slow")
    expire_leases(client)
    assert running.claim(J, 0, "quick")
    assert running.done(J, 0, Tally(10))
    assert not running.done(J, 0, Tally(10))
    job = running.get(J)
    assert job and job.progress.images_done == 10


def test_renewal_tells_what_became_of_the_lease(running: JobStore, client: redis.Redis) -> None:
    lease = running.claim(J, 0, "one")
    assert lease and running.renew(lease) == "ok"
    expire_leases(client)
    assert running.renew(lease) == "ok"  # nobody else had claimed
    expire_leases(client)
    assert running.claim(J, 0, "two")
    assert running.renew(lease) == "lost"
    running.cancel(J)
    assert running.renew(lease) == "stopped"
    client.flushall()
    assert running.renew(lease) == "unknown"


def test_lease_returned_by_the_reaper_is_taken_up_again(
    running: JobStore, client: redis.Redis
) -> None:
    lease = running.claim(J, 0, "one")
    assert lease
    expire_leases(client)
    running.reap("r")
    assert client.zscore(f"{PREFIX}job:{J}:sent", "0000000")
    assert running.renew(lease) == "ok"
    assert not client.zscore(f"{PREFIX}job:{J}:sent", "0000000")
    assert running.claim(J, 0, "two") is None


def test_release_counts_nothing(running: JobStore) -> None:
    lease = running.claim(J, 0, "one")
    assert lease and running.release(lease) and not running.release(lease)
    again = running.claim(J, 0, "two")
    assert again and again.errors == 0 and again.losses == 0


def test_reported_error_waits_and_counts(running: JobStore, client: redis.Redis) -> None:
    lease = running.claim(J, 0, "one")
    assert lease and running.fail(lease, wait_seconds=60)
    assert running.claim(J, 0, "two") is None  # not due
    age(client, f"job:{J}:ready", 61_000)
    again = running.claim(J, 0, "two")
    assert again and again.errors == 1 and again.losses == 0


def test_expired_lease_counts_as_a_loss(running: JobStore, client: redis.Redis) -> None:
    running.claim(J, 0, "one")
    expire_leases(client)
    again = running.claim(J, 0, "two")
    assert again and again.losses == 1 and again.errors == 0


def test_worker_with_one_child_takes_over_its_own_shard_at_once(running: JobStore) -> None:
    assert running.claim(J, 0, "gpu", exclusive=True)
    again = running.claim(J, 0, "gpu", exclusive=True)
    assert again and again.losses == 1


def test_worker_with_one_child_that_claims_another_shard_gives_up_the_first(
    running: JobStore,
) -> None:
    assert running.claim(J, 0, "gpu", exclusive=True)
    assert running.claim(J, 1, "gpu", exclusive=True)
    other = running.claim(J, 0, "other", exclusive=True)
    assert other and other.losses == 1


def test_worker_that_finished_its_shard_loses_nothing_by_the_next(running: JobStore) -> None:
    running.claim(J, 0, "gpu", exclusive=True)
    running.done(J, 0, Tally(10))
    assert running.claim(J, 1, "gpu", exclusive=True)
    job = running.get(J)
    assert job and job.progress.shards_done == 1 and job.progress.shards_running == 1


def test_plan_and_merge_wait_for_their_lease(running: JobStore, client: redis.Redis) -> None:
    for index in range(3):
        run(running, index)
    assert running.claim(J, "merge", "control")
    assert running.claim(J, "merge", "control") is None
    expire_leases(client)
    assert running.claim(J, "merge", "control")


def test_error_reported_by_a_lost_lease_changes_nothing(
    running: JobStore, client: redis.Redis
) -> None:
    slow = running.claim(J, 0, "slow")
    expire_leases(client)
    quick = running.claim(J, 0, "quick")
    assert slow and quick and not running.fail(slow, wait_seconds=0)
    assert running.renew(quick) == "ok"


def test_worker_whose_lease_was_taken_does_not_take_it_from_its_new_holder(
    running: JobStore, client: redis.Redis
) -> None:
    running.claim(J, 0, "gpu", exclusive=True)
    expire_leases(client)
    other = running.claim(J, 0, "other", exclusive=True)
    assert running.claim(J, 1, "gpu", exclusive=True)
    assert running.claim(J, 0, "third") is None
    assert other and running.renew(other) == "ok"


def test_job_that_waited_for_a_dead_child_ends_when_its_worker_claims_elsewhere(
    running: JobStore,
) -> None:
    assert running.claim(J, 0, "gpu", exclusive=True)
    running.cancel(J)
    running.create(accepted_job(K))
    running.planned(K, 0, 10)
    assert running.claim(K, 0, "gpu", exclusive=True)
    assert status(running) is JobStatus.MERGING


def test_refused_message_is_in_flight_no_more(store: JobStore, client: redis.Redis) -> None:
    store.create(accepted_job(J))
    store.planned(J, 0, 10)
    assert store.claim(J, 1, "quick")  # before its image list was told of, as after a rebuild
    store.planned(J, 1, 10)
    assert store.claim(J, 1, "other") is None
    assert client.zrange(f"{PREFIX}job:{J}:sent", 0, -1) == [b"0000000"]


def test_plan_is_given_out_only_while_there_is_something_to_list(store: JobStore) -> None:
    store.create(accepted_job(J))
    plan = store.claim(J, "plan", "control")
    store.planned(J, 0, 10)
    store.pause(J, "x")
    assert plan and not store.abort(plan, "listing_failed: x")
    assert store.renew(plan) == "stopped" and store.release(plan)
    assert store.claim(J, "plan", "control") is None
    store.renew_container(accepted_job(J))
    plan = store.claim(J, "plan", "control")
    assert plan and store.renew(plan) == "ok"
    store.listed(J, shards=1, images=10, duplicates=0, skipped={})
    assert store.get(J).progress.shards_running == 0  # type: ignore[union-attr]
    assert store.renew(plan) == "stopped" and store.claim(J, "plan", "control") is None


def test_lease_of_a_shard_that_another_finished_is_not_renewed(running: JobStore) -> None:
    lease = running.claim(J, 0, "slow")
    running.done(J, 0, Tally(10))
    assert lease and running.renew(lease) == "stopped"


def test_lease_outlives_a_job_that_is_being_brought_back(
    running: JobStore, client: redis.Redis
) -> None:
    lease = running.claim(J, 0, "one")
    client.flushall()
    running.create(accepted_job(J))
    assert lease and running.renew(lease) == "ok"
    running.planned(J, 0, 10)
    assert running.claim(J, 0, "two") is None


def test_merge_that_is_over_is_not_renewed(running: JobStore) -> None:
    for index in range(3):
        run(running, index)
    first = running.claim(J, "merge", "control")
    assert first and running.renew(first) == "ok" and running.refuse(first, [0])
    assert running.renew(first) == "stopped"


# Cancelling, pausing, aborting.


def test_cancelling_waits_for_live_leases_then_merges(running: JobStore, outbox: Outbox) -> None:
    lease = running.claim(J, 0, "w")
    assert lease and running.cancel(J) is JobStatus.RUNNING
    assert status(running) is JobStatus.CANCELLING
    assert running.claim(J, 1, "w") is None
    running.release(lease)
    assert status(running) is JobStatus.MERGING
    assert outbox.take() == [Message("merge_job", J)]


def test_shard_that_finishes_while_cancelling_counts(running: JobStore) -> None:
    running.claim(J, 0, "w")
    running.cancel(J)
    assert running.done(J, 0, Tally(10))
    job = running.get(J)
    assert job and job.status is JobStatus.MERGING and job.progress.images_done == 10


def test_cancelling_with_a_dead_worker_ends_by_the_reaper(
    running: JobStore, client: redis.Redis
) -> None:
    running.claim(J, 0, "dead")
    running.cancel(J)
    running.reap("r")
    assert status(running) is JobStatus.CANCELLING
    expire_leases(client)
    running.reap("r")
    assert status(running) is JobStatus.MERGING


def test_cancelling_twice_and_too_late(running: JobStore) -> None:
    running.claim(J, 0, "w")
    assert running.cancel(J) is JobStatus.RUNNING
    assert running.cancel(J) is JobStatus.CANCELLING
    running.done(J, 0, Tally(10))
    assert running.cancel(J) is JobStatus.MERGING


def test_paused_job_refuses_claims_and_counts_nothing(running: JobStore, outbox: Outbox) -> None:
    assert running.pause(J, "sas_expired: send a fresh one")
    assert status(running) is JobStatus.PAUSED
    assert running.claim(J, 0, "w") is None
    assert outbox.take() == []
    assert running.renew_container(accepted_job(J))
    sent = {message.index for message in outbox.take()}
    assert sent == {0, 1, 2}
    lease = running.claim(J, 0, "w")
    assert lease and lease.errors == 0 and lease.losses == 0


def test_shard_that_was_running_when_paused_may_finish(running: JobStore) -> None:
    running.claim(J, 0, "w")
    running.pause(J, "x")
    assert running.done(J, 0, Tally(10))


def test_job_paused_for_a_week_is_cancelled(running: JobStore, client: redis.Redis) -> None:
    running.pause(J, "x")
    running.reap("r")
    assert status(running) is JobStatus.PAUSED
    week = 7 * 24 * 3600 * 1000
    client.hincrby(f"{PREFIX}job:{J}", "paused", -week - 1)
    running.reap("r")
    assert status(running) is JobStatus.MERGING


def test_a_reason_is_short_and_shows_no_secret(store: JobStore) -> None:
    store.create(accepted_job(J))
    assert store.pause(J, "access_revoked: https://x/c?sig=CANARY " + "x" * 100_000)
    job = store.get(J)
    assert job and job.reason and len(job.reason) == 1000 and "CANARY" not in job.reason


def test_abort_merges_what_is_finished(store: JobStore, outbox: Outbox) -> None:
    store.create(accepted_job(J))
    plan = store.claim(J, "plan", "control")
    store.planned(J, 0, 10)
    lease = store.claim(J, 0, "w")
    store.planned(J, 1, 10)
    assert plan and store.abort(plan, "listing_failed: x")
    assert status(store) is JobStatus.RUNNING
    assert lease and store.done(J, 0, Tally(10))
    job = store.get(J)
    assert job and job.status is JobStatus.MERGING and job.reason == "listing_failed: x"


def test_job_that_was_aborted_is_not_paused_any_more(running: JobStore) -> None:
    one, two = running.claim(J, 0, "one"), running.claim(J, 1, "two")
    assert one and two and running.abort(one, "job_damaged: x")
    assert not running.pause(J, "access_revoked: y")
    running.release(two)
    job = running.get(J)
    assert job and job.status is JobStatus.MERGING and job.reason == "job_damaged: x"


def test_job_that_was_aborted_is_planned_no_further(store: JobStore) -> None:
    store.create(accepted_job(J))
    plan = store.claim(J, "plan", "control")
    store.planned(J, 0, 10)
    store.claim(J, 0, "w")
    assert plan and store.abort(plan, "listing_failed: x")
    assert store.claim(J, "plan", "other") is None
    assert not store.planned(J, 1, 10)


def test_only_the_holder_of_a_lease_may_abort(running: JobStore, client: redis.Redis) -> None:
    stale = running.claim(J, 0, "slow")
    expire_leases(client)
    assert running.claim(J, 0, "quick")
    assert stale and not running.abort(stale, "job_damaged: x")
    assert running.renew(stale) == "lost"


def test_resumed_job_gives_no_reason(running: JobStore) -> None:
    running.pause(J, "sas_expired: send a fresh one")
    running.renew_container(accepted_job(J))
    job = running.get(J)
    assert job and job.reason is None


def test_shard_of_an_aborted_job_is_not_sent_again(running: JobStore, outbox: Outbox) -> None:
    leases = [running.claim(J, index, "w") for index in range(3)]
    one, two, three = leases
    assert one and two and running.abort(one, "job_damaged: x") and running.release(two)
    assert three and running.renew(three) == "stopped"
    assert status(running) is JobStatus.RUNNING and outbox.take() == []


def test_aborted_job_sends_and_gives_out_no_more_shards(store: JobStore, outbox: Outbox) -> None:
    store.create(accepted_job(J))
    for index in range(8):
        store.planned(J, index, 10)
    one, two = store.claim(J, 0, "one"), store.claim(J, 1, "two")
    outbox.take()
    assert one and two and store.abort(one, "job_damaged: x")
    assert status(store) is JobStatus.RUNNING and outbox.take() == []
    assert store.claim(J, 2, "w") is None


# Merging.


def test_final_record_that_came_before_its_time_leaves_the_job_looked_after(
    running: JobStore,
) -> None:
    # Of two merges one committed, after the other had had shards run again.
    assert not finish(running, J, JobStatus.COMPLETED)
    assert running.reap("r") == [J]
    for index in range(3):
        run(running, index)
    assert finish(running, J, JobStatus.COMPLETED)
    assert running.reap("r") == []


def test_refused_output_runs_again(running: JobStore, outbox: Outbox) -> None:
    running.claim(J, 0, "w")
    running.done(J, 0, Tally(10, {"truncated": 3}))
    run(running, 1)
    run(running, 2)
    merge = running.claim(J, "merge", "control")
    outbox.take()
    assert merge and running.refuse(merge, [0])
    job = running.get(J)
    assert job and job.status is JobStatus.RUNNING
    assert job.progress.images_done == 20 and job.progress.failures == {}
    assert outbox.take() == [Message("run_shard", J, 0, "demo")]
    run(running, 0)
    assert status(running) is JobStatus.MERGING


def test_only_the_holder_of_the_merge_may_refuse(running: JobStore) -> None:
    for index in range(3):
        run(running, index)
    assert not running.refuse(Lease(J, "merge", "nobody/1"), [0])
    assert status(running) is JobStatus.MERGING


# Sending.


def test_window_bounds_what_is_in_flight(store: JobStore, outbox: Outbox) -> None:
    store.create(accepted_job(J))
    outbox.take()
    for index in range(20):
        store.planned(J, index, 10)
    assert [message.index for message in outbox.take()] == [0, 1, 2, 3]
    store.claim(J, 0, "w")
    assert outbox.take() == []  # what is claimed is in flight too
    store.done(J, 0, Tally(10))
    assert [message.index for message in outbox.take()] == [4]


def test_window_grows_with_live_workers(store: JobStore, outbox: Outbox) -> None:
    for worker in "abcd":
        store.heartbeat("demo", worker)
    store.create(accepted_job(J))
    outbox.take()
    for index in range(20):
        store.planned(J, index, 10)
    assert len(outbox.take()) == 8


def test_reaper_fills_windows_in_turn(store: JobStore, outbox: Outbox, client: redis.Redis) -> None:
    for job_id in (J, K):
        store.create(accepted_job(job_id))
        for index in range(3):
            store.planned(job_id, index, 10)
    for job_id in (J, K):
        client.delete(f"{PREFIX}job:{job_id}:sent")
        for index in range(3):
            client.zadd(f"{PREFIX}job:{job_id}:ready", {f"{index:07d}": 0})
    outbox.take()
    store.reap("r")
    assert [(m.job_id, m.index) for m in outbox.take()] == [
        (job_id, index) for index in range(3) for job_id in (J, K)
    ]


# The reaper.


def test_one_reaper_at_a_time(store: JobStore) -> None:
    assert store.reap("one") == []
    assert store.reap("two") is None
    assert store.reap("one") == []


def test_reaper_returns_expired_shards(
    running: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    running.claim(J, 0, "dead")
    expire_leases(client)
    running.reap("r")
    assert Message("run_shard", J, 0, "demo") in outbox.take()


def test_lost_message_is_sent_again_once_its_queue_stayed_empty(
    running: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    running.reap("r")
    assert outbox.take() == []
    age(client, f"job:{J}:sent", 31_000)
    running.reap("r")
    assert outbox.take() == []  # the queue has not been empty for so long yet
    client.hincrby(f"{PREFIX}empty_since", "demo", -31_000)
    running.reap("r")
    assert {message.index for message in outbox.take()} == {0, 1, 2}


def test_message_in_a_queue_that_is_not_empty_is_not_sent_again(
    running: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    client.lpush(f"{PREFIX}detect.demo", "a message")
    client.hset(f"{PREFIX}empty_since", "demo", 0)
    age(client, f"job:{J}:sent", 3_600_000)
    running.reap("r")
    assert outbox.take() == []


def test_message_overtaken_by_a_later_one_is_sent_again(
    running: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    client.lpush(f"{PREFIX}detect.demo", "a message")
    client.zincrby(f"{PREFIX}job:{J}:sent", -61_000, "0000000")
    running.claim(J, 1, "w")
    running.reap("r")
    assert outbox.take() == [Message("run_shard", J, 0, "demo")]


def test_plan_and_merge_without_a_lease_are_sent_again(
    store: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    store.create(accepted_job(J))
    outbox.take()
    store.reap("r")
    assert outbox.take() == []
    client.hincrby(f"{PREFIX}job:{J}", "sent_plan_job", -31_000)
    store.reap("r")
    assert outbox.take() == [Message("plan_job", J)]
    store.listed(J, shards=0, images=0, duplicates=0, skipped={})
    outbox.take()
    client.hincrby(f"{PREFIX}job:{J}", "sent_merge_job", -31_000)
    store.reap("r")
    assert outbox.take() == [Message("merge_job", J)]


def test_gap_in_the_clock_extends_leases_instead_of_losing_them(
    running: JobStore, client: redis.Redis
) -> None:
    running.reap("r")
    lease = running.claim(J, 0, "frozen")
    expire_leases(client)
    client.decrby(f"{PREFIX}reaped", LEASE_MS + 5000)
    running.reap("r")
    assert running.claim(J, 0, "other") is None
    assert lease and running.renew(lease) == "ok"


def test_rebuilding_counts_outputs_before_shards_are_known(store: JobStore, outbox: Outbox) -> None:
    store.create(accepted_job(J))
    store.done(J, 1, Tally(10))
    outbox.take()
    for index in range(3):
        store.planned(J, index, 10)
    assert {message.index for message in outbox.take()} == {0, 2}
    job = store.get(J)
    assert job and job.progress.shards_done == 1 and job.progress.images_done == 10


def test_job_that_redis_half_forgot_begins_anew(running: JobStore, client: redis.Redis) -> None:
    run(running, 0)
    client.delete(f"{PREFIX}job:{J}")
    assert running.create(accepted_job(J))
    assert running.unfinished(J, [0]) == [0]
    for index in range(3):
        assert running.planned(J, index, 10)
        assert run(running, index)
    assert running.listed(J, shards=3, images=30, duplicates=0, skipped={})
    assert status(running) is JobStatus.MERGING


def test_live_job_that_was_forgotten_as_live_is_looked_after_again(
    running: JobStore, client: redis.Redis
) -> None:
    client.delete(f"{PREFIX}live")
    assert not running.create(accepted_job(J))
    assert running.reap("r") == [J]


def test_ended_job_does_not_become_live_again(running: JobStore) -> None:
    for index in range(3):
        run(running, index)
    finish(running, J, JobStatus.COMPLETED)
    assert not running.create(accepted_job(J))
    assert running.reap("r") == []


def test_image_lists_beyond_the_plan_are_forgotten(store: JobStore) -> None:
    store.create(accepted_job(J))
    for index in range(4):
        store.planned(J, index, 10)
    run(store, 3)
    late = store.claim(J, 2, "late")
    assert store.listed(J, shards=2, images=20, duplicates=0, skipped={})
    assert late and store.renew(late) == "stopped"
    assert store.claim(J, 2, "w") is None
    assert not store.done(J, 2, Tally(10)) and not store.done(J, 3, Tally(10))
    job = store.get(J)
    assert job and job.status is JobStatus.RUNNING
    assert (job.progress.images, job.progress.shards) == (20, 2)
    assert (job.progress.images_done, job.progress.shards_done) == (0, 0)
    assert job.progress.shards_running == 0
    for index in range(2):
        run(store, index)
    assert status(store) is JobStatus.MERGING


def test_message_just_sent_to_a_queue_that_was_long_empty_is_not_lost(
    running: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    running.reap("r")
    client.hincrby(f"{PREFIX}empty_since", "demo", -31_000)
    running.reap("r")
    assert outbox.take() == []


def test_plan_and_merge_are_not_sent_to_others_while_somebody_holds_them(
    running: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    running.create(accepted_job(K))
    running.claim(K, "plan", "control")
    for index in range(3):
        run(running, index)
    running.claim(J, "merge", "control")
    outbox.take()
    client.hincrby(f"{PREFIX}job:{K}", "sent_plan_job", -31_000)
    client.hincrby(f"{PREFIX}job:{J}", "sent_merge_job", -31_000)
    running.reap("r")
    assert outbox.take() == []


def test_aborted_job_is_not_sent_to_be_planned(
    store: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    store.create(accepted_job(J))
    plan = store.claim(J, "plan", "control")
    store.planned(J, 0, 10)
    store.claim(J, 0, "w")
    assert plan and store.abort(plan, "listing_failed: x")
    outbox.take()
    client.hincrby(f"{PREFIX}job:{J}", "sent_plan_job", -31_000)
    store.reap("r")
    assert outbox.take() == []


def test_output_that_is_found_takes_its_shard_out_of_the_waiting_ones(
    store: JobStore, outbox: Outbox
) -> None:
    store.create(accepted_job(J))
    for index in range(6):
        store.planned(J, index, 10)
    outbox.take()
    assert store.done(J, 4, Tally(10))
    run(store, 0)
    assert [message.index for message in outbox.take()] == [5]


def test_worker_that_fell_silent_is_forgotten(store: JobStore, client: redis.Redis) -> None:
    store.create(accepted_job(J))
    store.planned(J, 0, 10)
    store.heartbeat("demo", "silent")
    store.claim(J, 0, "silent", exclusive=True)
    age(client, "workers:demo", 601_000)
    store.heartbeat("demo", "other")
    assert client.zrange(f"{PREFIX}workers:demo", 0, -1) == [b"other"]
    assert client.hkeys(f"{PREFIX}holding") == []
    store.claim(J, 1, "other", exclusive=True)
    store.retire("demo", "other")
    assert client.hkeys(f"{PREFIX}holding") == []


def test_job_that_redis_forgot_is_live_no_more(running: JobStore, client: redis.Redis) -> None:
    client.delete(f"{PREFIX}job:{J}")
    running.reap("r")
    assert running.reap("r") == []  # so that it is found to be missing, and brought back


def test_late_claim_of_an_early_message_does_not_turn_the_clock_back(
    running: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    client.lpush(f"{PREFIX}detect.demo", "a message")
    client.zincrby(f"{PREFIX}job:{J}:sent", -61_000, "0000000")
    client.zincrby(f"{PREFIX}job:{J}:sent", -61_000, "0000002")
    running.claim(J, 1, "w")
    running.claim(J, 2, "w")
    running.reap("r")
    assert outbox.take() == [Message("run_shard", J, 0, "demo")]


def test_illegal_change_of_status_is_refused_by_the_table(running: JobStore) -> None:
    for index in range(3):
        run(running, index)
    with pytest.raises(Unavailable):
        finish(running, J, JobStatus.PAUSED)
    assert status(running) is JobStatus.MERGING


# Reading.


def test_list_forgets_jobs_whose_time_is_over(store: JobStore, client: redis.Redis) -> None:
    store.create(accepted_job(J, seconds_ago=10))
    store.create(accepted_job(K))
    client.delete(f"{PREFIX}job:{J}")  # as its expiry does
    store.reap("r")
    assert client.zrange(f"{PREFIX}jobs", 0, -1) == [K.encode()]


def test_workers_live_while_they_beat(store: JobStore, client: redis.Redis) -> None:
    store.heartbeat("demo", "w1")
    store.heartbeat("demo", "w2")
    assert store.live_workers("demo") == 2 and store.live_workers("control") == 0
    store.retire("demo", "w1")
    assert store.live_workers("demo") == 1
    age(client, "workers:demo", 21_000)
    assert store.live_workers("demo") == 0


def test_rate_is_measured_by_finished_shards(running: JobStore) -> None:
    assert running.seconds_an_image("demo") is None
    running.claim(J, 0, "w")
    running.done(J, 0, Tally(10), seconds=5)
    assert running.seconds_an_image("demo") == pytest.approx(0.5)
    running.done(J, 1, Tally(10), seconds=10)
    assert running.seconds_an_image("demo") == pytest.approx(0.6)  # one shard is not all


def test_redis_away_is_unavailable() -> None:
    dead = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=1)
    with dead:
        store = JobStore(dead, Outbox())
        for call in (store.check_room, lambda: store.get(J), lambda: store.cancel(J)):
            with pytest.raises(Unavailable):
                call()


def test_lease_tokens_differ(running: JobStore) -> None:
    one, two = running.claim(J, 0, "w"), running.claim(J, 1, "w")
    assert one and two and one.token != two.token


def test_plan_that_failed_is_sent_again_after_its_wait(
    store: JobStore, client: redis.Redis, outbox: Outbox
) -> None:
    store.create(accepted_job(J))
    lease = store.claim(J, "plan", "control")
    assert lease and store.fail(lease, wait_seconds=100)
    outbox.take()
    client.hincrby(f"{PREFIX}job:{J}", "sent_plan_job", -99_000)
    store.reap("r")
    assert outbox.take() == []
    client.hincrby(f"{PREFIX}job:{J}", "sent_plan_job", -40_000)
    store.reap("r")
    assert outbox.take() == [Message("plan_job", J)]
    again = store.claim(J, "plan", "control")
    assert again and again.errors == 1


def test_progress_shows_what_running_shards_have_finished(
    running: JobStore, client: redis.Redis
) -> None:
    one, two = running.claim(J, 0, "one"), running.claim(J, 1, "two")
    assert one and two
    running.renew(one, images=4)
    running.renew(two, images=3)
    job = running.get(J)
    assert job and job.progress.images_done == 7
    running.done(J, 0, Tally(10))
    running.release(two)
    job = running.get(J)
    assert job and job.progress.images_done == 10
    finish_all(running)
    assert client.keys(f"{PREFIX}job:{J}:partial") == []


def finish_all(store: JobStore) -> None:
    for index in range(1, 3):
        lease = store.claim(J, index, "w")
        assert lease
        store.renew(lease, images=2)
        store.done(J, index, Tally(10))


@pytest.mark.parametrize("how", ["lost", "given back"])
def test_shard_that_was_begun_goes_before_those_that_were_not(
    store: JobStore, outbox: Outbox, client: redis.Redis, how: str
) -> None:
    store.create(accepted_job(J))
    for index in range(9):
        store.planned(J, index, 10)
    store.listed(J, shards=9, images=90, duplicates=0, skipped={})
    lease = store.claim(J, 3, "w")
    assert lease
    outbox.take()
    if how == "lost":
        expire_leases(client)
        store.reap("reaper")
    else:
        store.release(lease)
    assert [message.index for message in outbox.take()] == [3]


# Images on which workers die.


def lose(store: JobStore, client: redis.Redis, *, died: bool, position: int | None = 4) -> Lease:
    """The lease of the next attempt at shard 0, after one that was lost."""
    lease = store.claim(J, 0, "w", exclusive=True)
    assert lease
    if position is not None:
        assert store.note(lease, position) == "ok"
    if not died:
        expire_leases(client)
    following = store.claim(J, 0, "w" if died else "other", exclusive=died)
    assert following
    store.release(following)
    return following


@pytest.mark.parametrize(("died", "attempts"), [(True, 3), (False, 6)])
def test_image_on_which_attempts_die_is_given_up(
    running: JobStore, client: redis.Redis, died: bool, attempts: int
) -> None:
    for attempt in range(1, attempts + 1):
        lease = lose(running, client, died=died)
        assert lease.guarded and lease.losses == 0
        assert lease.suspects[4].deaths + lease.suspects[4].silences == attempt
        assert (lease.suspected, lease.given_up) == (
            ((), frozenset({4})) if attempt == attempts else ((4,), frozenset())
        )


def test_deaths_and_silences_on_an_image_count_together(
    running: JobStore, client: redis.Redis
) -> None:
    for died in (True, False, False, True, False):
        assert lose(running, client, died=died).suspected == (4,)
    assert lose(running, client, died=False).given_up == {4}


@pytest.mark.parametrize(("died", "attempts"), [(True, 1), (False, 2)])
def test_shard_is_guarded_after_losses_without_a_note(
    running: JobStore, client: redis.Redis, died: bool, attempts: int
) -> None:
    for attempt in range(1, attempts + 1):
        lease = lose(running, client, died=died, position=None)
        assert lease.guarded == (attempt == attempts)
        assert (lease.losses, lease.deaths, lease.suspects) == (attempt, attempt * died, {})


@pytest.mark.parametrize("ends", ["release", "fail", "note none"])
def test_image_that_was_passed_is_not_suspected(
    running: JobStore, client: redis.Redis, ends: str
) -> None:
    lease = running.claim(J, 0, "w")
    assert lease and running.note(lease, 4) == "ok"
    if ends == "release":
        running.release(lease)
    elif ends == "fail":
        running.fail(lease, 0)
    else:
        assert running.note(lease, None) == "ok"
        running.release(lease)
    assert lose(running, client, died=False, position=None).suspects == {}


def test_several_images_are_suspected(running: JobStore, client: redis.Redis) -> None:
    for position in (7, 2, 7):
        lease = lose(running, client, died=True, position=position)
    assert lease.suspected == (2, 7)
    assert lose(running, client, died=True, position=7).given_up == {7}


def test_note_says_whose_the_shard_is(running: JobStore, client: redis.Redis) -> None:
    lease = running.claim(J, 0, "w")
    assert lease
    expire_leases(client)
    assert running.claim(J, 0, "other")
    assert running.note(lease, 1) == "lost"
    client.flushall()
    assert running.note(lease, 1) == "unknown"
