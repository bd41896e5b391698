"""What is kept how long, on a real local storage, with made-up clocks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.jobs import AcceptedJob, FinalRecord
from core.retention import Retention, deleted_at
from core.storage import Storage, open_storage
from tests.factories import accepted_job, final_record

J, K = "a" * 32, "b" * 32
END = datetime(2026, 3, 1, 12, 30, 20, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(Settings(storage_url=f"file://{tmp_path}/storage"))


@pytest.fixture
def retention(storage: Storage) -> Retention:
    return Retention(storage)


def job(job_id: str = J, *, expires: timedelta = 180 * DAY) -> AcceptedJob:
    return msgspec.structs.replace(accepted_job(job_id), expires_at=END + expires, caller="field")


def final(job_id: str = J, end: datetime = END) -> FinalRecord:
    return final_record(job_id, finished_at=end)


def due(retention: Retention, now: datetime) -> list[tuple[str, str]]:
    return [(due.job_id, due.what) for due in retention.due(now)]


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (7 * DAY, ["parts"]),
        (173 * DAY, ["parts", "expiring"]),
        (180 * DAY, ["parts", "expiring", "job"]),
    ],
)
def test_each_thing_has_its_time_and_never_comes_before_it(
    retention: Retention, after: timedelta, what: list[str]
) -> None:
    retention.schedule(job(), final())
    assert due(retention, END + after) == [(J, one) for one in what[:-1]]
    assert due(retention, END + after + MINUTE) == [(J, one) for one in what]


@pytest.mark.parametrize("expires", [-DAY, 3 * DAY, 7 * DAY])
def test_job_that_ends_late_is_kept_a_week_and_tells_at_once(
    retention: Retention, expires: timedelta
) -> None:
    retention.schedule(job(expires=expires), final())
    assert deleted_at(job(expires=expires).expires_at, final()) == END + 7 * DAY
    assert due(retention, END + MINUTE) == [(J, "expiring")]
    assert ("a" * 32, "job") not in due(retention, END + 7 * DAY)
    assert ("a" * 32, "job") in due(retention, END + 7 * DAY + MINUTE)


def test_the_oldest_is_due_first_over_days_and_years(retention: Retention) -> None:
    ends = {f"{n:032x}": END + timedelta(days=90 * (7 - n), minutes=n) for n in range(8)}
    for job_id, end in ends.items():
        retention.schedule(job(job_id), final(job_id, end))
    found = due(retention, END + 3650 * DAY)
    parts = [job_id for job_id, what in found if what == "parts"]
    assert parts == sorted(ends, key=lambda job_id: ends[job_id])
    assert len(found) == 24


def test_scheduling_again_changes_nothing_and_what_is_done_is_gone(
    retention: Retention, storage: Storage
) -> None:
    retention.schedule(job(), final())
    names = storage.names("due/")
    retention.schedule(job(), final())
    assert storage.names("due/") == names and len(names) == 3
    for one in retention.due(END + 365 * DAY):
        retention.done(one)
    assert storage.names("due/") == []


def test_ended_jobs_are_those_that_were_not_deleted_newest_first(retention: Retention) -> None:
    ids = [f"{n:032x}" for n in range(5)]
    for n, job_id in enumerate(ids):
        ended = job(job_id, expires=(180 + n) * DAY)
        retention.schedule(ended, final(job_id))
    retention.end_sweep(retention.begin_sweep(job(ids[2], expires=182 * DAY), final(ids[2]), END))
    assert list(retention.ended_jobs()) == [ids[4], ids[3], ids[1], ids[0]]


def test_first_deletion_stands(retention: Retention) -> None:
    first = retention.begin_sweep(job(), final(), END)
    assert retention.begin_sweep(job(), final(), END + DAY) == first
    assert list(retention.sweeps()) == [first]
    assert not retention.is_gone(J)
    retention.bury(first)
    retention.bury(first)
    assert retention.is_gone(J) and not retention.is_gone(K)
    tombstone = retention.tombstone(J)
    assert tombstone and (tombstone.caller, tombstone.deleted_at) == ("field", END)
    retention.end_sweep(first)
    assert list(retention.sweeps()) == []


def test_deleted_job_is_remembered_for_a_year(retention: Retention) -> None:
    retention.bury(retention.begin_sweep(job(), final(), END))
    assert due(retention, END + 365 * DAY) == []
    assert due(retention, END + 365 * DAY + MINUTE) == [(J, "gone")]
    retention.forget(J)
    assert retention.tombstone(J) is None


def test_names_that_are_not_ours_are_passed_over(retention: Retention, storage: Storage) -> None:
    storage.create("due/2026-03-01/1231-notes.txt", b"")
    storage.create("due/readme", b"")
    assert due(retention, END + DAY) == []
