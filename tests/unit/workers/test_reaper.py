"""The reaper against a storage and a Redis that disagree."""

import os
import threading
import time
from collections.abc import Callable

import pytest

from core.errors import Unavailable
from core.job_folder import JobFolder
from core.job_store import Tally
from core.jobs import JobStatus
from core.messages import Message
from tests.factories import accepted_job
from tests.unit.workers.conftest import Bench, J
from tests.unit.workers.test_aggregator import run
from workers import reaper, recovery
from workers.aggregator import merge_job
from workers.planner import plan_job
from workers.reaper import Reaper
from workers.recovery import count_outputs


def planned(bench: Bench) -> None:
    bench.add(*(f"{n:02d}.jpg" for n in range(50)))
    bench.accept()
    plan_job(bench.context, J)


def test_job_that_redis_lost_is_brought_back_with_what_it_had(bench: Bench) -> None:
    planned(bench)
    run(bench, 0, 2)
    bench.store._redis.flushall()
    bench.outbox.take()
    Reaper(bench.context).round()
    assert bench.outbox.take() == [Message("plan_job", J)]
    plan_job(bench.context, J)
    sent = {message.index for message in bench.outbox.take()}
    assert sent == {1, 3}
    job = bench.store.get(J)
    assert job and job.progress.images_done == 32 and job.progress.listing_over


def test_accepted_job_that_never_reached_redis_is_brought_in(bench: Bench) -> None:
    bench.folder.accept(accepted_job(J, container_url=str(bench.pictures)))
    Reaper(bench.context).round()
    assert bench.store.get(J).status is JobStatus.QUEUED  # type: ignore[union-attr]


def test_submission_that_is_under_way_is_left_alone(bench: Bench) -> None:
    (bench.pictures.parent / "storage/live").mkdir(parents=True)
    (bench.pictures.parent / "storage/live" / J).touch()
    Reaper(bench.context).round()
    assert bench.store.get(J) is None and bench.folder.live_ids() == [J]


@pytest.mark.parametrize(("hours", "left"), [(23, [J]), (25, [])])
def test_submission_that_died_is_forgotten_after_a_day(
    bench: Bench, hours: int, left: list[str]
) -> None:
    bench.folder._storage.create(f"live/{J}", b"")
    written = time.time() - hours * 3600
    os.utime(bench.pictures.parent / f"storage/live/{J}", (written, written))
    Reaper(bench.context).round()
    assert bench.folder.live_ids() == left


def test_old_job_is_no_submission_that_died(bench: Bench) -> None:
    bench.folder.accept(accepted_job(J, container_url=str(bench.pictures)))
    os.utime(bench.pictures.parent / f"storage/live/{J}", (0, 0))
    Reaper(bench.context).round()
    assert bench.store.get(J) and bench.folder.live_ids() == [J]


def test_output_that_was_not_counted_is_found(bench: Bench) -> None:
    planned(bench)
    run(bench, 0)
    bench.store._redis.setbit(f"megabatch:job:{J}:done", 0, 0)
    bench.store._redis.hincrby(f"megabatch:job:{J}", "shards_done", -1)
    Reaper(bench.context).round()
    assert bench.store.unfinished(J, [0]) == []


def test_a_wish_to_cancel_that_redis_lost_is_heard(bench: Bench) -> None:
    planned(bench)
    bench.folder.mark_cancelled(J)
    Reaper(bench.context).round()
    job = bench.store.get(J)
    assert job and job.cancelled


def test_ended_job_that_redis_lost_is_known_again_and_left_in_peace(bench: Bench) -> None:
    planned(bench)
    run(bench, 0, 1, 2, 3)
    merge_job(bench.context, J)
    bench.folder._storage.create(f"live/{J}", b"")
    bench.store._redis.flushall()
    bench.outbox.take()
    Reaper(bench.context).round()
    assert bench.folder.live_ids() == [] and bench.outbox.take() == []
    assert bench.store.get(J).status is JobStatus.COMPLETED  # type: ignore[union-attr]


def test_committed_job_that_redis_holds_as_merging_is_finished(bench: Bench) -> None:
    planned(bench)
    run(bench, 0, 1, 2, 3)
    merge_job(bench.context, J)
    bench.folder._storage.create(f"live/{J}", b"")
    bench.store._redis.hset(f"megabatch:job:{J}", "status", "merging")
    Reaper(bench.context).round()
    assert bench.store.get(J).status is JobStatus.COMPLETED  # type: ignore[union-attr]
    assert bench.folder.live_ids() == []


def test_damaged_output_does_not_stop_the_reaper(bench: Bench) -> None:
    planned(bench)
    bench.folder.write_shard_output(J, 0, b"rubbish\n")
    Reaper(bench.context).round()
    assert bench.store.done(J, 1, Tally(16))


def test_job_with_a_damaged_record_does_not_keep_others_from_coming_back(bench: Bench) -> None:
    ids = [f"{n:032x}" for n in range(6)]
    for job_id in ids:
        bench.folder.accept(accepted_job(job_id, container_url=str(bench.pictures)))
    for job_id in ids[::2]:
        (bench.pictures.parent / f"storage/jobs/{job_id}/job.json").write_bytes(b"{")
    Reaper(bench.context).round()
    assert [job_id for job_id in ids if bench.store.get(job_id)] == ids[1::2]


def test_live_job_that_redis_forgot_as_live_is_looked_after_again(bench: Bench) -> None:
    planned(bench)
    bench.store._redis.delete("megabatch:live")
    Reaper(bench.context).round()
    assert bench.store.reap(bench.context.worker) == [J]


def test_counting_many_jobs_is_spread_over_rounds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"{n:032x}" for n in range(3)]
    for job_id in ids:
        bench.accept(job_id)
    counted: list[str] = []

    def slow(_: object, job_id: str, on_each: Callable[[], None]) -> None:
        time.sleep(0.02)
        counted.append(job_id)

    monkeypatch.setattr(reaper, "count_outputs", slow)
    monkeypatch.setattr(reaper, "_COUNT_FOR", 0.01)
    repairs = Reaper(bench.context)
    for done in range(1, 4):
        repairs.round()
        assert len(counted) == done
    repairs.round()
    assert sorted(counted) == ids


class Counting:
    """Thirteen outputs that Redis does not know; each that is counted takes a second."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workers.shard_cutting._SMALLEST", 4)
        monkeypatch.setattr("workers.shard_cutting._UNMEASURED", 4)
        planned(bench)
        self.shards = bench.folder.count_image_lists(J)
        run(bench, *range(self.shards))
        bench.store._redis.flushall()
        Reaper(bench.context).round()  # the job is known again
        self.counted: list[str] = []
        done, self._now = bench.store.done, 0.0

        def slow(job_id: str, index: int, tally: Tally) -> bool:
            self._now += 1
            self.counted.append(job_id)
            return done(job_id, index, tally)

        monkeypatch.setattr(bench.store, "done", slow)
        monkeypatch.setattr(reaper, "time", self)

    def monotonic(self) -> float:
        return self._now


def test_counting_one_large_job_is_spread_over_rounds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "b" * 32
    bench.accept(other)  # the newest comes first
    counting = Counting(bench, monkeypatch)
    plan_job(bench.context, other)
    output = bench.folder.read_shard_output(J, 0)
    bench.folder.write_shard_output(other, 0, output)
    repairs = Reaper(bench.context)
    for most in (5, 10):
        repairs.round()
        assert len(counting.counted) == most
    repairs.round()
    # Each once, and the small job has not waited for the end of the large one.
    assert len(counting.counted) == counting.shards + 1 == 14
    assert counting.counted.index(other) == 5
    assert bench.store.unfinished(J, range(counting.shards)) == []


def test_outputs_are_read_several_at_once_and_not_all_ahead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(bench, monkeypatch)
    meeting, read = threading.Barrier(4), JobFolder.read_shard_output
    begun: list[int] = []

    def together(folder: JobFolder, job_id: str, index: int) -> bytes:
        begun.append(index)
        assert len(begun) - len(counting.counted) <= recovery._READERS + 1
        if index < 4:
            meeting.wait(20)
        return read(folder, job_id, index)

    monkeypatch.setattr(JobFolder, "read_shard_output", together)
    count_outputs(bench.context, J, on_each=lambda: None)
    assert bench.store.unfinished(J, range(counting.shards)) == []


def test_what_a_planner_counts_is_not_counted_by_the_reaper(bench: Bench) -> None:
    planned(bench)
    run(bench, 0)
    bench.store._redis.flushall()
    repairs = Reaper(bench.context)
    repairs.round()
    lease = bench.store.claim(J, "plan", "other")
    repairs._counted = float("-inf")  # a minute later
    repairs.round()
    assert bench.store.unfinished(J, [0]) == [0]
    assert lease and bench.store.release(lease)
    repairs._counted = float("-inf")
    repairs.round()
    assert bench.store.unfinished(J, [0]) == []


def test_a_wish_to_cancel_is_heard_while_a_planner_is_at_work(bench: Bench) -> None:
    bench.accept()
    assert bench.store.claim(J, "plan", "other")
    bench.folder.mark_cancelled(J)
    Reaper(bench.context).round()
    job = bench.store.get(J)
    assert job and job.cancelled


def test_reaper_outlives_every_surprise(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    rounds = 0

    def surprising(_: Reaper) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            stop.set()
        raise Unavailable if rounds == 1 else RuntimeError("surprise")

    monkeypatch.setattr(reaper, "REAP_EVERY", 0.001)
    monkeypatch.setattr(Reaper, "round", surprising)
    Reaper(bench.context).run(stop)
    assert rounds == 3


def test_counting_tells_of_each_output(bench: Bench) -> None:
    planned(bench)
    for index in range(3):
        bench.folder.write_shard_output(J, index, b"rubbish\n" if index else b"")
    moves: list[None] = []
    count_outputs(bench.context, J, lambda: moves.append(None))
    assert len(moves) == 3
