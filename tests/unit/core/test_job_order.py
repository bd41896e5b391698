"""Which jobs' shards go first: the job store on a real server, and what it sends."""

import msgspec
import pytest
import redis

from core.job_reader import PREFIX
from core.job_store import JobStore, Tally
from core.jobs import JobStatus
from tests.factories import accepted_job, final_record
from tests.outbox import Outbox

A, B, C = "a" * 32, "b" * 32, "c" * 32
#: What a job may have in flight while no worker lives.
WINDOW = 4


class Queue:
    """The queue of the model, in the order in which workers take from it."""

    def __init__(self, store: JobStore, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox
        self.waiting: list[tuple[str, int]] = []
        self._taken = 0

    def fetch(self) -> list[tuple[str, int]]:
        new = [(one.job_id, one.index or 0) for one in self._outbox.take() if one.index is not None]
        self.waiting += new
        return new

    def work(self) -> tuple[str, int] | None:
        """One worker takes messages until it may run a shard, and runs it."""
        while self.waiting:
            job_id, index = self.waiting.pop(0)
            self._taken += 1
            assert self._taken < 500, "messages go round in circles"
            lease = self._store.claim(job_id, index, "w")
            self.fetch()
            if lease:
                assert self._store.done(job_id, index, Tally(10))
                self.fetch()
                return job_id, index
        return None


@pytest.fixture
def queue(store: JobStore, outbox: Outbox) -> Queue:
    return Queue(store, outbox)


def start(store: JobStore, job_id: str, shards: int, model: str = "demo", **fields: int) -> None:
    job = accepted_job(job_id, model=model)
    store.create(msgspec.structs.replace(job, **fields))
    for index in range(shards):
        assert store.planned(job_id, index, 10)
    assert store.listed(job_id, shards=shards, images=10 * shards, duplicates=0, skipped={})


def sent(queue: Queue) -> dict[str, int]:
    new = [job_id for job_id, _ in queue.fetch()]
    return {job_id: new.count(job_id) for job_id in new}


def status(store: JobStore, job_id: str) -> JobStatus:
    job = store.get(job_id)
    assert job
    return job.status


def run_all(queue: Queue) -> list[str]:
    """The jobs of the shards in the order in which one worker runs them."""
    ran = []
    while (shard := queue.work()) is not None:
        ran.append(shard[0])
    return ran


def test_jobs_of_one_priority_take_turns(store: JobStore, queue: Queue) -> None:
    start(store, A, 20)
    start(store, B, 20)
    queue.fetch()
    first = run_all(queue)[: 4 * WINDOW]
    assert 6 <= first.count(A) <= 10


def test_a_job_that_comes_first_runs_before_all_others(store: JobStore, queue: Queue) -> None:
    start(store, A, 20)
    start(store, B, 20)
    assert store.order(B, 5, 1) is JobStatus.RUNNING
    queue.fetch()
    ran = run_all(queue)
    assert ran == [B] * 20 + [A] * 20
    assert status(store, A) is status(store, B) is JobStatus.MERGING


def test_it_waits_for_one_shard_of_those_that_run_and_no_more(
    store: JobStore, queue: Queue
) -> None:
    start(store, A, 20)
    queue.fetch()
    job_id, index = queue.waiting.pop(0)
    assert store.claim(job_id, index, "other worker")
    start(store, B, 2, orders=1, priority=1)
    queue.fetch()
    assert [queue.work(), queue.work()] == [(B, 0), (B, 1)]
    assert store.done(A, index, Tally(10))
    queue.fetch()
    assert run_all(queue) == [A] * 19


def test_the_highest_goes_first_then_the_next(store: JobStore, queue: Queue) -> None:
    start(store, A, 8)
    start(store, B, 8, orders=1, priority=3)
    start(store, C, 8, orders=1, priority=9)
    queue.fetch()
    assert run_all(queue) == [C] * 8 + [B] * 8 + [A] * 8


def test_equal_ones_take_turns(store: JobStore, queue: Queue) -> None:
    start(store, A, 20, orders=1, priority=4)
    start(store, B, 20, orders=1, priority=4)
    queue.fetch()
    assert 6 <= run_all(queue)[: 4 * WINDOW].count(A) <= 10


def test_another_model_is_not_held_up(store: JobStore, queue: Queue) -> None:
    start(store, A, 20, orders=1, priority=9)
    queue.fetch()
    start(store, B, 20, model="megadetector-v3")
    assert sent(queue) == {B: WINDOW}


def test_a_job_that_is_held_up_gets_no_shards(store: JobStore, queue: Queue) -> None:
    start(store, A, 20, orders=1, priority=1)
    queue.fetch()
    start(store, B, 20)
    assert sent(queue) == {}
    store.reap("reaper")
    assert sent(queue) == {}


@pytest.mark.parametrize("shards", [1, 3, WINDOW])
def test_a_worker_is_never_idle_for_a_small_job_that_comes_first(
    store: JobStore, queue: Queue, shards: int
) -> None:
    start(store, A, shards, orders=1, priority=9)
    start(store, B, 20)
    assert sent(queue) == {A: shards, B: WINDOW}


def test_those_held_up_go_on_without_the_reaper(store: JobStore, queue: Queue) -> None:
    start(store, A, WINDOW + 1, orders=1, priority=9)
    start(store, B, 20)
    assert sent(queue) == {A: WINDOW}
    assert queue.work() == (A, 0)
    # The last shard of A was sent, and after it those of B.
    assert [job_id for job_id, _ in queue.waiting] == [A] * WINDOW + [B] * WINDOW


@pytest.mark.parametrize("how", ["cancel", "pause", "lower", "equal"])
def test_a_job_that_no_longer_comes_first_holds_nobody_up(
    store: JobStore, queue: Queue, how: str
) -> None:
    start(store, A, 20, orders=1, priority=9)
    start(store, B, 20)
    queue.fetch()
    if how == "cancel":
        store.cancel(A)
    elif how == "pause":
        store.pause(A, "sas_expired: send a new one")
    elif how == "lower":
        store.order(A, 0, 2)
    else:
        store.order(B, 9, 1)
    assert sent(queue).get(B) == WINDOW


def test_a_shard_that_waits_to_be_tried_again_holds_nobody_up(
    store: JobStore, queue: Queue
) -> None:
    start(store, A, 1, orders=1, priority=9)
    queue.fetch()
    lease = store.claim(A, 0, "w")
    assert lease and store.fail(lease, 60)
    start(store, B, 20)
    assert sent(queue) == {B: WINDOW}


def test_a_lost_message_of_a_job_that_comes_first_stops_nobody(
    store: JobStore, queue: Queue
) -> None:
    start(store, A, 20)
    queue.fetch()
    start(store, B, 1, orders=1, priority=9)
    queue.fetch()
    queue.waiting = [shard for shard in queue.waiting if shard[0] != B]
    assert len(run_all(queue)) == 20


def test_a_shard_that_gave_way_was_not_lost(store: JobStore, queue: Queue) -> None:
    start(store, A, 2)
    queue.fetch()
    start(store, B, 1, orders=1, priority=9)
    assert store.claim(A, 0, "w") is None
    assert queue.fetch() == [(B, 0), (A, 0)]
    assert store.claim(B, 0, "w")
    lease = store.claim(A, 0, "w2")
    assert lease and (lease.losses, lease.errors, lease.outages) == (0, 0, 0)


def test_an_order_is_not_for_what_has_ended_or_is_unknown(
    store: JobStore, client: redis.Redis
) -> None:
    start(store, A, 0)
    store.order(A, 9, 1)
    assert store.finish(final_record(A))
    assert store.order(A, 5, 2) is JobStatus.COMPLETED
    assert store.order(B, 5, 1) is None
    job = store.get(A)
    assert job and job.priority == 0
    assert not client.exists(f"{PREFIX}urgent", f"{PREFIX}outranked")


def test_nothing_is_kept_of_jobs_that_were_not_ordered(
    store: JobStore, client: redis.Redis
) -> None:
    start(store, A, 2)
    assert not client.exists(f"{PREFIX}urgent", f"{PREFIX}outranked")


def test_a_job_made_known_again_keeps_its_place(store: JobStore, queue: Queue) -> None:
    start(store, A, 20)
    start(store, B, 20, orders=3, priority=2)
    assert store.order(B, 0, 3) is JobStatus.RUNNING  # known already
    queue.fetch()
    assert run_all(queue) == [B] * 20 + [A] * 20
