"""Which jobs ended in a month, whatever became of them, on a local folder and on a real Azurite."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from core.ended_jobs import EndedJob, ended_in
from core.errors import JobFolderTrouble
from core.job_folder import JobFolder
from core.jobs import FinalRecord, Progress, Work
from core.retention import REMEMBERED
from core.sealing import Sealer, new_secret_key
from core.storage import Storage
from core.usage import Month, usage_of
from tests.factories import accepted_job, final_record

MARCH = Month(2026, 3)
MIDDLE = datetime(2026, 3, 15, 12, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
J, K, L = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def folder(storage: Storage) -> JobFolder:
    return JobFolder(storage, Sealer((new_secret_key(),)))


def end(
    folder: JobFolder,
    job_id: str,
    finished_at: datetime = MIDDLE,
    *,
    kept_days: float = 180,
    **fields: Any,
) -> FinalRecord:
    """A job of `north` that was submitted an hour before its end."""
    created = finished_at - timedelta(hours=1)
    job = msgspec.structs.replace(
        accepted_job(job_id),
        caller="north",
        created_at=created,
        expires_at=created + kept_days * DAY,
    )
    values: dict[str, Any] = {
        "caller": "north",
        "progress": Progress(images=9, images_done=9, images_kept=2),
        "work": Work(1.5, 1000),
    }
    final = final_record(job_id, finished_at=finished_at, **{**values, **fields})
    folder.accept(job)
    folder.write_final(final)
    folder.retention.schedule(job, final)
    folder.retire(job_id)
    return final


def deletion(folder: JobFolder, job_id: str, at: datetime = MIDDLE + DAY) -> Iterator[None]:
    """What the API and the cleaner do to delete a job, step by step."""
    retention = folder.retention
    sweep = retention.begin_sweep(folder.read_shown(job_id), folder.read_final(job_id), at)
    yield
    folder._storage.create(f"gone/{job_id}", msgspec.json.encode(sweep.tombstone))
    yield
    retention.bury(sweep)
    yield
    folder.forget_secrets(job_id)
    yield
    for _ in folder.sweep_job(job_id):
        yield
    for path in sweep.due:
        folder._storage.delete(path)
        yield
    retention.end_sweep(sweep)
    yield


def delete(folder: JobFolder, job_id: str, at: datetime = MIDDLE + DAY) -> None:
    for _ in deletion(folder, job_id, at):
        pass


def found(folder: JobFolder, month: Month = MARCH) -> list[EndedJob]:
    return sorted(ended_in(folder, month), key=lambda job: job.id)


def ids(folder: JobFolder, month: Month = MARCH) -> list[str]:
    return [job.id for job in found(folder, month)]


def test_job_counts_in_the_month_in_which_it_ended(folder: JobFolder) -> None:
    ends = {
        "1" * 32: MARCH.start - SECOND,
        "2" * 32: MARCH.start,
        "3" * 32: Month(2026, 4).start - SECOND,
        "4" * 32: Month(2026, 4).start,
    }
    for job_id, moment in ends.items():
        end(folder, job_id, moment)
    first, second, third, fourth = ends
    assert ids(folder, Month(2026, 2)) == [first]
    assert ids(folder) == [second, third]
    assert ids(folder, Month(2026, 4)) == [fourth]
    assert ids(folder, Month(2026, 5)) == ids(folder, Month(1, 1)) == []


def test_no_job_is_missed_however_long_it_is_kept(folder: JobFolder) -> None:
    kept = {f"{n:032x}": days for n, days in enumerate((1, 7, 30, 180, 400, 3650, 30_000))}
    for job_id, days in kept.items():
        end(folder, job_id, MARCH.start, kept_days=days)
    for due in folder.retention.due(MARCH.start + 40 * DAY):
        if due.what != "job":  # such names go first
            folder.retention.done(due)
    assert ids(folder) == sorted(kept)
    for job_id in kept:
        delete(folder, job_id, MARCH.start)
    assert ids(folder) == sorted(kept)


def test_job_that_is_being_deleted_counts_once_with_all_that_it_came_to(folder: JobFolder) -> None:
    final = end(folder, J)
    whole = [EndedJob(J, "north", usage_of(final))]
    assert found(folder) == whole
    steps = 0
    for _ in deletion(folder, J):
        assert found(folder) == whole
        steps += 1
    assert steps >= 9
    assert folder._storage.names("jobs/") == []


def test_job_that_is_deleted_while_others_are_read_is_not_missed(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = end(folder, J)
    read = JobFolder.read_final

    def late(folder: JobFolder, job_id: str) -> FinalRecord:
        monkeypatch.setattr(JobFolder, "read_final", read)
        delete(folder, job_id)
        return read(folder, job_id)

    monkeypatch.setattr(JobFolder, "read_final", late)
    assert found(folder) == [EndedJob(J, "north", usage_of(final))]
    assert folder.retention.is_gone(J)


def test_job_that_is_deleted_between_the_two_listings_counts_once(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = end(folder, J, kept_days=3650)
    scheduled = type(folder.retention).scheduled

    def listing(retention: Any, what: Any, since: datetime) -> Iterator[str]:
        if what == "job":
            yield from scheduled(retention, what, since)
            return
        monkeypatch.setattr(type(retention), "scheduled", scheduled)
        delete(folder, J)
        yield from scheduled(retention, what, since)

    monkeypatch.setattr(type(folder.retention), "scheduled", listing)
    assert found(folder) == [EndedJob(J, "north", usage_of(final))]


def test_deleted_job_counts_as_long_as_it_is_remembered(folder: JobFolder) -> None:
    end(folder, J)
    delete(folder, J)
    end(folder, K, MIDDLE - 60 * DAY)
    delete(folder, K)
    assert ids(folder) == [J] and ids(folder, Month.of(MIDDLE - 60 * DAY)) == [K]
    for due in folder.retention.due(MIDDLE + REMEMBERED + 2 * DAY):
        folder.retention.forget(due.job_id)
        assert ids(folder) in ([J], [])  # its name is still in `due/`
        folder.retention.done(due)
    assert found(folder) == []


def test_job_that_was_deleted_by_a_slow_clock_is_not_missed(folder: JobFolder) -> None:
    end(folder, J, MARCH.start)
    delete(folder, J, MARCH.start - timedelta(hours=20))
    assert ids(folder) == [J]


def without(record: msgspec.Struct, *fields: str) -> bytes:
    """A record from before there were these fields."""
    values = msgspec.to_builtins(record)
    return msgspec.json.encode({name: values[name] for name in values if name not in fields})


def test_record_of_an_earlier_version_counts_with_what_is_known(folder: JobFolder) -> None:
    final = end(folder, J)
    folder._storage.replace(f"jobs/{J}/final.json", without(final, "caller", "work"))
    [job] = found(folder)
    assert job.caller == "north" and job.usage
    assert (job.usage.images, job.usage.work) == (7, Work())
    delete(folder, J)
    assert found(folder) == [job]


@pytest.mark.parametrize(
    ("deleted", "may_belong"), [(MARCH.start - SECOND, False), (MARCH.start, True)]
)
def test_tombstone_of_an_earlier_version_tells_that_something_is_missing(
    folder: JobFolder, deleted: datetime, may_belong: bool
) -> None:
    end(folder, J, MARCH.start - DAY)
    delete(folder, J, deleted)
    tombstone = folder.retention.tombstone(J)
    assert tombstone and tombstone.usage
    folder._storage.replace(f"gone/{J}", without(tombstone, "usage"))
    assert found(folder) == ([EndedJob(J)] if may_belong else [])


@pytest.mark.parametrize("rubbish", [b"", b"{}", b'{"id": "\xff"}'])
def test_damaged_records_hide_no_others_and_are_told(folder: JobFolder, rubbish: bytes) -> None:
    final = end(folder, J)
    for job_id in (K, L):
        end(folder, job_id)
    delete(folder, L)
    for path in (f"jobs/{K}/final.json", f"gone/{L}"):
        folder._storage.replace(path, rubbish)
    assert found(folder) == [EndedJob(J, "north", usage_of(final)), EndedJob(K), EndedJob(L)]


def test_records_of_jobs_that_were_due_before_are_not_read(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(folder, J, MARCH.start - 30 * DAY, kept_days=20)  # to be deleted, and nobody has yet
    end(folder, K)
    read: list[str] = []
    whole = JobFolder.read_final

    def reading(folder: JobFolder, job_id: str) -> FinalRecord:
        read.append(job_id)
        return whole(folder, job_id)

    monkeypatch.setattr(JobFolder, "read_final", reading)
    assert ids(folder) == read == [K]


def test_many_jobs_are_each_told_once(folder: JobFolder) -> None:
    many = [f"{n:032x}" for n in range(150)]
    for job_id in many:
        end(folder, job_id)
    for job_id in many[::3]:
        delete(folder, job_id)
    assert ids(folder) == many


def test_storage_that_is_away_is_an_error(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(folder, J)

    def away(*_: object) -> Any:
        raise JobFolderTrouble

    monkeypatch.setattr(JobFolder, "read_final", away)
    with pytest.raises(JobFolderTrouble):
        found(folder)
