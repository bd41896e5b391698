"""What a job came to, months, and sums."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.jobs import FileKind, Progress, StoredFile, Work
from core.usage import JobUsage, Month, Usage, usage_of
from tests.factories import final_record

J = "a" * 32
MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_what_was_taken_over_is_left_out_and_what_failed_is_not() -> None:
    progress = Progress(images=100, images_done=90, images_kept=70, images_failed=5)
    final = final_record(J, finished_at=MOMENT, progress=progress, work=Work(2.5, 1000))
    assert usage_of(final) == JobUsage(MOMENT, "demo", 20, Work(2.5, 1000), 0)


def test_size_is_that_of_the_results_that_are_handed_out() -> None:
    # A job that asked for an older version has the newest one beside it.
    files = {FileKind.RESULTS: StoredFile("x/1.0.json", 70, "")}
    assert usage_of(final_record(J, results="x.json", results_bytes=50)).results_bytes == 50
    final = final_record(J, results="x.json", results_bytes=50, files=files)
    assert usage_of(final).results_bytes == 70


def test_sums() -> None:
    total = Usage()
    for seconds in (1.5, 2.25):
        total = total.plus(JobUsage(MOMENT, "demo", 20, Work(seconds, 1000), 7))
    assert total == Usage(jobs=2, images=40, worker_seconds=3.75, bytes_read=2000, results_bytes=14)


@pytest.mark.parametrize(
    ("moment", "month"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01"),
        (datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "2026-12"),
        (datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026-12"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01"),
    ],
)
def test_months_are_those_of_utc(moment: datetime, month: str) -> None:
    assert str(Month.of(moment)) == month
    assert Month.of(Month.of(moment).start) == Month.of(moment)


def test_months_have_an_order() -> None:
    assert Month(2025, 12) < Month(2026, 1) < Month(2026, 2) < Month(2026, 11) < Month(2027, 1)
