from datetime import UTC, datetime, timedelta, timezone

import pytest

from api.page import moment, number, size


def test_numbers_can_be_read() -> None:
    assert number(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (2_500_000_000, "2.5 GB"),
        (7_000_000_000_000_000, "7000.0 TB"),
    ],
)
def test_sizes_have_a_fitting_unit(count: int, words: str) -> None:
    assert size(count) == words


def test_moments_are_told_in_utc() -> None:
    assert moment(datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)) == "2026-11-23 14:05 UTC"
    east = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 11, 23, 1, 5, tzinfo=east)) == "2026-11-22 23:05 UTC"
