"""Whatever happens to messages, workers and Redis, a job ends, once, with all its shards."""

from collections.abc import Iterator

import pytest
import redis
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.jobs import TRANSITIONS, JobStatus
from core.lease import Lease
from tests.unit.core.job_world import IMAGES, SHARDS, World, as_text

IDS = ["a" * 32, "b" * 32]
numbers = st.integers(0, 1000)
endings = st.sampled_from(["dies", "fails", "releases", "renews"])


class JobMachine(RuleBasedStateMachine):
    """The rules are what may happen; at the end nothing bad happens any more."""

    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.client, IDS)
        self.seen: dict[str, JobStatus] = {}

    @precondition(lambda self: self.world.outbox)
    @rule(which=numbers, twice=st.booleans())
    def message_comes(self, which: int, twice: bool) -> None:
        outbox = self.world.outbox
        message = outbox[which % len(outbox)]
        if not twice:
            outbox.remove(message)
        self.world.deliver(message)

    @precondition(lambda self: self.world.outbox)
    @rule(which=numbers)
    def message_is_lost(self, which: int) -> None:
        self.world.outbox.pop(which % len(self.world.outbox))

    @precondition(lambda self: self.world.held)
    @rule(which=numbers, says=st.booleans(), lists=st.integers(1, SHARDS + 1))
    def work_is_done(self, which: int, says: bool, lists: int) -> None:
        held = self.world.held
        self.world.work(held[which % len(held)], says=says, lists=lists)

    @rule(late=st.booleans())
    def all_goes_well_for_a_while(self, late: bool) -> None:
        """But messages may come once more, when all is done that they were about."""
        messages = self.world.outbox.take()
        for message in messages:
            self.world.deliver(message)
        for lease in list(self.world.held):
            self.world.work(lease, lists=2)
        for message in messages if late else ():
            self.world.deliver(message)

    @precondition(lambda self: self.world.held)
    @rule(which=numbers, how=endings)
    def worker(self, which: int, how: str) -> None:
        self.end(self.world.held[which % len(self.world.held)], how)

    @precondition(lambda self: self.world.held)
    @rule(which=numbers, how=endings)
    def worker_sleeps_past_its_lease(self, which: int, how: str) -> None:
        world = self.world
        lease = world.held[which % len(world.held)]
        world.pass_time()
        for message in world.outbox.take():
            world.deliver(message)
        self.end(lease, how)

    def end(self, lease: Lease, how: str) -> None:
        world = self.world
        if how == "renews":
            if world.store.renew(lease) == "ok":
                assert world.owners.setdefault((lease.job_id, lease.unit), lease.token) == (
                    lease.token
                )
            return
        world.held.remove(lease)
        given_back = {"fails": lambda: world.store.fail(lease, 0), "dies": lambda: False}.get(
            how, lambda: world.store.release(lease)
        )
        if given_back():
            assert world.owners.pop((lease.job_id, lease.unit)) == lease.token

    @rule(which=numbers)
    def somebody_cancels(self, which: int) -> None:
        job_id = IDS[which % len(IDS)]
        self.world.storage[job_id].cancelled = True
        self.world.store.cancel(job_id)

    @rule()
    def time_passes(self) -> None:
        self.world.pass_time()

    @rule(which=numbers, index=st.integers(0, SHARDS - 1))
    def something_is_said_again(self, which: int, index: int) -> None:
        self.world.say_again(IDS[which % len(IDS)], index)

    @rule()
    def reaper_compares(self) -> None:
        self.world.compare()

    @rule()
    def redis_saves(self) -> None:
        self.world.save()

    @rule(which=numbers, said=st.booleans())
    def redis_falls_back(self, which: int, said: bool) -> None:
        self.world.fall_back()
        self.seen.clear()
        if said:
            self.world.compare()
            self.world.say_again(IDS[which % len(IDS)], 0)

    @invariant()
    def counts_add_up(self) -> None:
        for job_id, stored in self.world.storage.items():
            job = self.world.store.get(job_id)
            if job is None:
                continue
            if job.terminal:
                assert job.status is stored.final
                continue
            progress = job.progress
            told = sum(one == job_id for one, _ in self.world.told)
            assert told <= progress.shards_done <= len(stored.outputs)
            assert progress.images_done == IMAGES * progress.shards_done
            assert progress.shards_done <= SHARDS
            assert progress.shards <= stored.lists

    @invariant()
    def statuses_follow_one_another(self) -> None:
        for job_id in IDS:
            job = self.world.store.get(job_id)
            if job is not None:
                before = self.seen.get(job_id, job.status)
                assert job.status is before or job.status in reachable(before)
                self.seen[job_id] = job.status

    def teardown(self) -> None:
        """From here on all goes well; then each job ends soon, and as it should."""
        world = self.world
        for _ in range(4 * (SHARDS + 3)):
            world.pass_time()
            world.compare()
            for message in world.outbox.take():
                world.deliver(message)
            for lease in list(world.held):
                world.work(lease)
        for job_id, stored in world.storage.items():
            job = world.store.get(job_id)
            assert job is not None and job.terminal, as_text(world)
            assert stored.cancelled or stored.whole
            assert job.status is stored.final


def reachable(status: JobStatus) -> set[JobStatus]:
    """What may come after a status, at once or through others."""
    found: set[JobStatus] = set()
    open_ = [status]
    while open_:
        for after in TRANSITIONS[open_.pop()] - found:
            found.add(after)
            open_.append(after)
    return found


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_jobs_end_whatever_happens(client: redis.Redis) -> None:
    machine = type("Machine", (JobMachine,), {"client": client})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.reuse, Phase.generate],  # the steps are few enough to be read as they are
        ),
    )
