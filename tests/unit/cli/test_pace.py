from collections.abc import Iterable

import msgspec
import pytest

from cli.pace import WINDOW, Pace, duration
from core.jobs import Job
from tests.unit.cli.service import job


def view(done: int, status: str = "running", *, listing_over: bool = True) -> Job:
    fields = job(status, images=1000, images_done=done, listing_over=listing_over)
    return msgspec.convert(fields, Job)


def pace(seen: Iterable[tuple[float, int]]) -> Pace:
    """The pace after these looks: seconds, and images done."""
    looks = list(seen)
    times = iter([at for at, _ in looks])
    made = Pace(lambda: next(times))
    for _, done in looks:
        made.see(view(done))
    return made


def test_the_rate_is_of_what_was_seen_and_not_of_what_was_done_before() -> None:
    assert pace([(0, 500), (10, 600)]).rate == 10


@pytest.mark.parametrize("looks", [[], [(0, 5)], [(0, 5), (1, 50)], [(0, 5), (60, 5)]])
def test_too_little_was_seen_to_tell_a_rate(looks: list[tuple[float, int]]) -> None:
    made = pace(looks)
    assert made.rate is None
    assert made.words(view(50)) == ""


def test_what_is_long_past_does_not_count() -> None:
    slow = [(float(at), at) for at in range(0, 1000, 10)]
    fast = [(1000.0 + at, 1000 + 20 * at) for at in range(0, round(WINDOW) + 10, 10)]
    assert pace([*slow, *fast]).rate == pytest.approx(20)


def test_work_that_was_lost_begins_a_new_pace() -> None:
    assert pace([(0, 0), (10, 500), (20, 400)]).rate is None
    assert pace([(0, 0), (10, 500), (20, 400), (30, 430)]).rate == 3


def test_the_time_left_needs_the_whole_number_of_images() -> None:
    made = pace([(0, 0), (10, 100)])
    assert made.words(view(100)) == "10.0 images/s, 2 min left"
    assert made.words(view(100, listing_over=False)) == "10.0 images/s"
    assert made.words(view(1000)) == "10.0 images/s"


@pytest.mark.parametrize("status", ["queued", "paused", "merging", "completed"])
def test_only_a_job_that_runs_has_a_pace(status: str) -> None:
    assert pace([(0, 0), (10, 100)]).words(view(100, status)) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5399, "1 h 30 min"),
        (5300, "88 min"),
        (7260, "2 h 1 min"),
        (3600 * 47, "47 h 0 min"),
        (86400 * 5, "5 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
