from datetime import UTC, datetime

import pytest

from core.config import Settings
from core.containers.patience import QUICK, Patience, seconds_of

NOW = datetime(2024, 7, 4, 12, tzinfo=UTC)


def test_waits_double_below_their_cap_and_differ() -> None:
    patience = Patience(first_wait=1.0, longest_wait=5.0)
    for tries, longest in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (50, 5.0)):
        waits = [patience.wait_after(tries) for _ in range(200)]
        assert max(waits) <= longest
        assert max(waits) > longest / 2 > min(waits)


def test_what_the_server_asks_for_comes_first_up_to_the_cap() -> None:
    patience = Patience(first_wait=1.0, longest_wait=5.0)
    assert 3.0 <= patience.wait_after(1, 3.0) <= 4.0
    assert patience.wait_after(1, 3600.0) == 5.0


def test_waiting_ends_before_a_worker_counts_as_stuck() -> None:
    patience = Patience()
    slowest_last_try = patience.connect_seconds + patience.read_seconds
    quick_probe = QUICK.total_seconds + QUICK.connect_seconds + QUICK.read_seconds
    # Of three rounds; a try that begins at the end of one may take as long as any.
    rounds = patience.total_seconds + 2 * patience.once_more().total_seconds
    assert rounds + slowest_last_try + 3 * quick_probe < Settings().stall_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("0", 0.0),
        ("Thu, 04 Jul 2024 12:00:30 GMT", 30.0),
        ("Thu, 04 Jul 2024 11:00:00 GMT", 0.0),
        ("Thu, 04 Jul 2024 12:00:30 -0000", None),
        ("-5", None),
        ("soon", None),
        ("²", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header, NOW) == seconds


def test_retry_after_counts_from_now() -> None:
    assert seconds_of("Thu, 04 Jul 2024 12:00:30 GMT") == 0.0
