import msgspec
import pytest

from cli.pace import duration, pace
from core.jobs import Job
from tests.unit.cli.service import job


@pytest.mark.parametrize(
    ("rate", "left", "words"),
    [
        (None, None, ""),
        (0.0, None, ""),
        (12.5, None, "12.5 images/s"),
        (12.5, 0, "12.5 images/s"),
        (0.04, 120, "0.04 images/s, 2 min left"),
        (1234.0, 7300, "1234.0 images/s, 2 h 2 min left"),
    ],
)
def test_what_the_service_tells_in_words(rate: float | None, left: int | None, words: str) -> None:
    fields = {**job("running"), "images_per_second": rate, "seconds_left": left}
    assert pace(msgspec.convert(fields, Job)) == words


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
