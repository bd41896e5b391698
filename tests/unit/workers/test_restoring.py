"""Bringing ended jobs back into the list of an empty Redis."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.deletion import delete_job
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import AcceptedJob, FinalRecord, JobStatus, utc_now
from tests.factories import accepted_job, final_record
from tests.unit.workers.conftest import Bench
from workers.aggregator import settle
from workers.cleaner import Cleaner
from workers.restoring import restore_ended_jobs

NOW = utc_now().replace(microsecond=0)


def end_jobs(bench: Bench, count: int) -> list[str]:
    """So many jobs that have ended, of two callers; their ids, newest first."""
    for n in range(count):
        created = NOW - timedelta(days=3 * (count - n), milliseconds=n)
        job = msgspec.structs.replace(
            accepted_job(f"{n:032x}", name=f"job {n}"),
            created_at=created,
            expires_at=created + timedelta(days=180),
            caller=("north", "south")[n % 2],
        )
        bench.folder.accept(job)
        bench.store.create(job)
        bench.store.cancel(job.id)
        final = final_record(
            job.id,
            status=(JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.COMPLETED)[n % 3],
            name=job.request.name,
            created_at=created,
            finished_at=created + timedelta(hours=1),
        )
        settle(bench.context, bench.folder.write_final(final))
    return [f"{n:032x}" for n in reversed(range(count))]


def wipe(bench: Bench) -> None:
    bench.store._redis.flushall()  # type: ignore[attr-defined]


def listed(bench: Bench, caller: str | None = None) -> list[str]:
    return [job.id for job in bench.store.list_jobs(100, caller=caller).jobs]


def test_list_is_whole_again_and_in_order(bench: Bench) -> None:
    ids = end_jobs(bench, 10)
    before = {
        job.id: (job.status, job.name, job.created_at, job.finished_at)
        for job in bench.store.list_jobs(100).jobs
    }
    assert list(before) == ids
    wipe(bench)
    assert listed(bench) == []
    Cleaner(bench.context).round()
    assert listed(bench) == ids
    assert listed(bench, "north") == ids[1::2] and listed(bench, "south") == ids[::2]
    for job in bench.store.list_jobs(100).jobs:
        assert before[job.id][1:] == (job.name, job.created_at, job.finished_at)


def test_walk_is_done_once_in_the_life_of_a_redis(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_jobs(bench, 3)
    Cleaner(bench.context).round()
    reads: list[str] = []
    read = JobFolder.read_shown

    def counted(folder: JobFolder, job_id: str) -> AcceptedJob:
        reads.append(job_id)
        return read(folder, job_id)

    monkeypatch.setattr(JobFolder, "read_shown", counted)
    Cleaner(bench.context).round()
    assert reads == []
    wipe(bench)
    Cleaner(bench.context).round()
    assert len(reads) == 3


def test_redis_that_is_emptied_during_the_walk_is_walked_again(bench: Bench) -> None:
    ids = end_jobs(bench, 4)
    wipe(bench)
    seen = 0

    def wipe_at_the_third() -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            wipe(bench)

    restore_ended_jobs(bench.context, wipe_at_the_third)
    assert len(listed(bench)) == 2
    restore_ended_jobs(bench.context, lambda: None)
    assert listed(bench) == ids


def test_deleted_and_live_and_damaged_jobs(bench: Bench, tmp_path: Path) -> None:
    ids = end_jobs(bench, 4)
    folder = bench.folder
    job, final = folder.read_shown(ids[0]), folder.read_final(ids[0])
    delete_job(folder, bench.store, job, final, NOW)
    (tmp_path / f"storage/jobs/{ids[1]}/final.json").write_bytes(b"{")
    bench.accept("f" * 32)
    wipe(bench)
    restore_ended_jobs(bench.context, lambda: None)
    assert listed(bench) == ids[2:]


def test_job_that_is_deleted_during_the_walk_does_not_come_back(
    bench: Bench, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    [job_id] = end_jobs(bench, 1)
    folder = bench.folder
    job, final = folder.read_shown(job_id), folder.read_final(job_id)
    wipe(bench)
    restore = JobStore.restore_ended

    def late(store: JobStore, job: AcceptedJob, final: FinalRecord) -> bool:
        delete_job(folder, bench.store, job, final, NOW)
        return restore(store, job, final)

    monkeypatch.setattr(JobStore, "restore_ended", late)
    restore_ended_jobs(bench.context, lambda: None)
    assert final.id == job.id and listed(bench) == []
    assert bench.store.get(job_id) is None
