import io
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from rich.console import Console

from cli.client import Client
from cli.progress import LineDisplay, exit_code, follow, show_progress, summary
from cli.redis_server import free_port
from core.errors import JobNotFound, Unavailable
from core.jobs import Job
from tests.unit.cli.service import JOB, Service, job

PATH = f"GET /v1/jobs/{JOB['id']}"


def view(status: str, *, reason: str | None = None, waiting: bool = False, **progress: Any) -> Job:
    fields = {**job(status, **progress), "reason": reason, "waiting_for_workers": waiting}
    return msgspec.convert(fields, Job)


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    client = Client(service.url)
    yield client
    client.close()


def test_following_ends_with_the_job(client: Client, service: Service) -> None:
    for status in ("queued", "running", "merging", "completed"):
        service.answer(PATH, job(status))
    waits: list[float] = []

    seen = [each.status.value for each in follow(client, JOB["id"], pause=waits.append)]

    assert seen == ["queued", "running", "merging", "completed"]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]
    assert len(waits) == 3


def test_the_waits_stop_growing(client: Client, service: Service) -> None:
    for _ in range(30):
        service.answer(PATH, job("running"))
    service.answer(PATH, job("completed"))
    waits: list[float] = []
    list(follow(client, JOB["id"], pause=waits.append))
    assert waits[-1] == waits[-2] == 5.0


def test_following_outlives_an_outage(client: Client, service: Service) -> None:
    busy = {"code": "unavailable", "detail": "Redis is away."}
    for _ in range(5):  # more than the client's own tries
        service.answer(PATH, busy, 503)
    service.answer(PATH, job("completed"))
    [only] = follow(client, JOB["id"], pause=lambda _seconds: None)
    assert only.terminal


def test_following_gives_up_when_patience_ends() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable):
        list(follow(client, "1", pause=lambda _seconds: None, patience=0))


def test_following_a_job_that_is_not_there(client: Client, service: Service) -> None:
    service.answer(PATH, {"code": "job_not_found", "detail": "There is no such job."}, 404)
    with pytest.raises(JobNotFound):
        list(follow(client, JOB["id"]))


def shown(*jobs: Job, every: float = 0) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    display = LineDisplay(console, every)
    for each in jobs:
        display.show(each)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_lines_tell_what_changed() -> None:
    assert shown(
        view("queued", images=0, images_done=0, listing_over=False),
        view("running", images=64, images_done=0, listing_over=False),
        view("running", images=64, images_done=0, listing_over=False),
        view("running", images=1200, images_done=1000, images_failed=3),
        view("merging", images=1200, images_done=1200, images_failed=3),
        view("completed", images=1200, images_done=1200, images_failed=3),
    ) == [
        "queued: listing images",
        "running: 0 of 64 images so far",
        "running: 1,000 of 1,200 images, 3 failed",
        "merging: 1,200 of 1,200 images, 3 failed",
    ]


def test_a_busy_job_does_not_flood_a_log() -> None:
    jobs = [view("running", images_done=n) for n in range(10)]
    assert shown(*jobs, view("merging", images_done=10), every=3600) == [
        "running: 0 of 10 images",
        "merging: 10 of 10 images",
    ]


def test_what_holds_a_job_up_is_shown() -> None:
    assert shown(
        view("queued", waiting=True),
        view("paused", reason="sas_expired: give a fresh SAS"),
    ) == [
        "queued (waiting for a worker that serves demo): 4 of 10 images",
        "paused (sas_expired: give a fresh SAS): 4 of 10 images",
    ]


def test_a_terminal_gets_a_bar_and_the_last_view_is_returned() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, markup=False)
    last = view("completed", images_done=10)
    jobs = [view("running", reason="[red]no markup"), last]
    assert show_progress(iter(jobs), console) is last
    assert isinstance(console.file, io.StringIO)
    assert "10 of 10 images" in console.file.getvalue()


def test_the_summary_names_failures_and_what_was_passed_over() -> None:
    job = view(
        "completed",
        images_done=10,
        images_failed=3,
        failures={"truncated": 1, "corrupt": 2},
        skipped={".txt": 1, "": 4, ".mp4": 2000},
        duplicates=5,
    )
    assert summary(job) == [
        "completed: 10 of 10 images, 3 failed",
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


@pytest.mark.parametrize(
    ("status", "failed", "code"),
    [
        ("completed", 0, 0),
        ("completed", 1, 4),
        ("failed", 1, 3),
        ("cancelled", 1, 5),
        ("running", 1, 0),
    ],
)
def test_exit_codes(status: str, failed: int, code: int) -> None:
    assert exit_code(view(status, images_failed=failed)) == code
