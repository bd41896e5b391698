"""Renewal of leases in a thread, on a real Redis."""

import threading

import pytest

from core.errors import Unavailable
from core.job_store import JobStore, Renewal
from core.lease import Lease
from tests.unit.workers.conftest import Bench, J
from workers.lease_keeper import LeaseEnded, LeaseKeeper
from workers.planner import plan_job


@pytest.fixture
def lease(bench: Bench) -> Lease:
    bench.add("a.jpg")
    bench.accept()
    plan_job(bench.context, J)
    lease = bench.store.claim(J, 0, "bench")
    assert lease
    return lease


def expiry(bench: Bench) -> float:
    score = bench.store._redis.zscore(f"megabatch:job:{J}:leases", "0000000")
    assert isinstance(score, float)
    return score


def wait_for(event: threading.Event) -> None:
    assert event.wait(10)


def wait_for_renewal(bench: Bench, keeper: LeaseKeeper, before: float) -> None:
    for _ in range(1000):
        keeper.moved()
        if expiry(bench) > before:
            return
        threading.Event().wait(0.01)
    raise AssertionError("the lease was not renewed")


def test_lease_is_renewed_while_work_moves(bench: Bench, lease: Lease) -> None:
    before = expiry(bench)
    with LeaseKeeper(bench.store, lease, stall_after=60, renew_every=0.01) as keeper:
        wait_for_renewal(bench, keeper, before)


def test_work_that_stands_still_gives_the_process_up(bench: Bench, lease: Lease) -> None:
    stalled = threading.Event()
    with LeaseKeeper(bench.store, lease, stall_after=0.05, renew_every=0.01, on_stall=stalled.set):
        wait_for(stalled)


def test_work_learns_that_its_worker_stops(bench: Bench, lease: Lease) -> None:
    stopping = False
    with LeaseKeeper(bench.store, lease, stall_after=60, leaving=lambda: stopping) as keeper:
        keeper.moved()
        stopping = True
        with pytest.raises(LeaseEnded, match="gives 0000000 back"):
            keeper.moved()


@pytest.mark.parametrize("ended", ["cancel", "lost"])
def test_work_learns_that_its_lease_is_gone(bench: Bench, lease: Lease, ended: str) -> None:
    with LeaseKeeper(bench.store, lease, stall_after=60, renew_every=0.01) as keeper:
        if ended == "cancel":
            bench.store.cancel(J)
        else:
            bench.store._redis.hset(f"megabatch:job:{J}:owners", "0000000", "other/1")
        with pytest.raises(LeaseEnded):
            for _ in range(1000):
                keeper.moved()
                threading.Event().wait(0.01)


def test_redis_that_forgot_the_job_does_not_stop_the_work(bench: Bench, lease: Lease) -> None:
    bench.store._redis.flushall()
    with LeaseKeeper(bench.store, lease, stall_after=60, renew_every=0.01) as keeper:
        for _ in range(20):
            keeper.moved()
            threading.Event().wait(0.01)


def test_redis_that_is_away_for_a_while_does_not_end_the_lease(
    bench: Bench, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew = JobStore.renew
    away = iter(range(3))

    def flaky(store: JobStore, lease: Lease, images: int) -> Renewal:
        if next(away, None) is not None:
            raise Unavailable
        return renew(store, lease, images)

    monkeypatch.setattr(JobStore, "renew", flaky)
    before = expiry(bench)
    with LeaseKeeper(bench.store, lease, stall_after=60, renew_every=0.01) as keeper:
        wait_for_renewal(bench, keeper, before)
