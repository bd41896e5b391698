from typing import Any

import msgspec

from cli.summary import counts, share, summary
from core.jobs import Job
from tests.unit.cli.service import job


def view(status: str, *, reason: str | None = None, **progress: Any) -> Job:
    return msgspec.convert({**job(status, **progress), "reason": reason}, Job)


def test_the_summary_names_failures_and_what_was_passed_over() -> None:
    job = view(
        "completed",
        images_done=10,
        images_failed=3,
        failures={"truncated": 1, "corrupt": 2},
        skipped={".txt": 1, "": 4, ".mp4": 2000},
        duplicates=5,
        images_kept=6,
    )
    assert summary(job) == [
        "completed: 10 of 10 images, 3 failed",
        "taken over from an earlier job: 6",
        "failed images: 2 corrupt, 1 truncated",
        "names listed twice and processed once: 5",
        "files passed over, which are no images: 2,000 .mp4, 4 no suffix, 1 .txt",
        "Videos are passed over: a job reads still images only.",
    ]


def test_the_summary_of_a_failed_job_says_why_and_hides_secrets() -> None:
    job = view("failed", reason="listing_failed: https://a/b?sig=s3cret \x1b[2J", images=1)
    lines = summary(job)
    assert lines[0] == "failed: 4 of 1 image"
    assert (
        lines[1] == "reason: listing_failed: https://a/b?sig=<hidden> \N{REPLACEMENT CHARACTER}[2J"
    )


def test_the_share_of_a_job_that_was_cancelled() -> None:
    cancelled = view("cancelled", listing_over=False, images=3000, images_done=750)
    assert share(cancelled) == counts(cancelled) == "750 of 3,000 images"
