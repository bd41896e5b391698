import io
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from rich.console import Console

from cli.client import Client
from cli.progress import LOST, LineDisplay, follow, show_progress, watch
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


def followed(client: Client, pause: Callable[[float], None], **more: Any) -> list[str]:
    """The statuses that following tells, and `lost` where answers stop coming."""
    told: list[str] = []
    jobs = follow(client, JOB["id"], lost=lambda: told.append("lost"), pause=pause, **more)
    for each in jobs:
        told.append(each.status.value)
    return told


def no_pause(_seconds: float) -> None:
    """Waits for nothing."""


def test_following_ends_with_the_job(client: Client, service: Service) -> None:
    for status in ("queued", "running", "merging", "completed"):
        service.answer(PATH, job(status))
    waits: list[float] = []
    assert followed(client, waits.append) == ["queued", "running", "merging", "completed"]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]
    assert len(waits) == 3


def test_the_waits_stop_growing(client: Client, service: Service) -> None:
    for _ in range(30):
        service.answer(PATH, job("running"))
    service.answer(PATH, job("completed"))
    waits: list[float] = []
    followed(client, waits.append)
    assert waits[-1] == waits[-2] == 5.0


AWAY = {"code": "unavailable", "detail": "Redis is away."}
TRIES = 4  # of the client itself, for one question


def outage(service: Service, questions: int) -> None:
    for _ in range(questions * TRIES):
        service.answer(PATH, AWAY, 503)


def test_following_outlives_outages_and_tells_each_once(client: Client, service: Service) -> None:
    service.answer(PATH, job("running"))
    outage(service, 2)
    service.answer(PATH, job("running"))
    outage(service, 1)
    service.answer(PATH, job("completed"))
    assert followed(client, no_pause) == ["running", "lost", "running", "lost", "completed"]


def test_a_service_that_gave_no_first_answer_gets_no_patience(
    client: Client, service: Service
) -> None:
    outage(service, 1)
    service.answer(PATH, job("completed"))
    with pytest.raises(Unavailable, match="Redis is away"):
        followed(client, no_pause)


def test_one_that_has_answered_before_gets_it(client: Client, service: Service) -> None:
    outage(service, 1)
    service.answer(PATH, job("completed"))
    assert followed(client, no_pause, answered=True) == ["lost", "completed"]


def test_following_gives_up_when_patience_ends() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable):
        followed(client, no_pause, answered=True, patience=0)


def test_following_a_job_that_is_not_there(client: Client, service: Service) -> None:
    service.answer(PATH, {"code": "job_not_found", "detail": "There is no such job."}, 404)
    with pytest.raises(JobNotFound):
        followed(client, no_pause)


def test_watching_says_that_the_service_went_away(
    client: Client, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    outage(service, 1)
    service.answer(PATH, job("completed"))
    assert watch(client, JOB["id"], answered=True, pause=no_pause).terminal
    assert capsys.readouterr().err == f"{LOST}\n"


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


def test_a_line_tells_the_pace_that_the_service_tells() -> None:
    job = msgspec.structs.replace(view("running"), images_per_second=5.0, seconds_left=30)
    assert shown(job) == ["running: 4 of 10 images, 5.0 images/s, 30 s left"]


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
