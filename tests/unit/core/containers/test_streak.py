import pytest

from core.containers.streak import FailureStreak
from core.errors import StorageTrouble


def test_failures_in_a_row_become_trouble() -> None:
    streak = FailureStreak(3)
    streak.failed("slow")
    streak.failed("slow")
    for _ in range(2):
        with pytest.raises(StorageTrouble, match="slow"):
            streak.failed("slow")


def test_a_success_between_starts_again() -> None:
    streak = FailureStreak(2)
    streak.failed("slow")
    streak.succeeded()
    streak.failed("slow")
