import pytest

from api.wording import FAILURES, MEANINGS, duration
from core.failures import FailureCode
from core.jobs import JobStatus


def test_every_status_and_every_failure_has_words() -> None:
    assert set(MEANINGS) == set(JobStatus)
    assert set(FAILURES) == set(FailureCode)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (5400, "90 minutes"),
        (7200, "2 hours"),
        (129_600, "36 hours"),
        (172_800, "2 days"),
        (172_800_000, "2,000 days"),
    ],
)
def test_durations_are_told_in_the_unit_that_people_use(seconds: int, words: str) -> None:
    assert duration(seconds) == words
