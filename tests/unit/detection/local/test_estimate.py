import pytest

from detection.local.estimate import Pace, estimate


def test_the_rate_is_that_of_the_last_two_minutes() -> None:
    pace = Pace()
    assert pace.rate() is None
    pace.count(0)
    assert pace.rate() is None
    for second in range(1, 101):
        pace.count(second)
    assert pace.rate() == pytest.approx(1)
    for half in range(201, 601):
        pace.count(half / 2)
    assert pace.rate() == pytest.approx(2, rel=0.05)


def test_many_images_in_one_second_are_all_counted() -> None:
    pace = Pace()
    for tenth in range(101):
        pace.count(tenth / 10)
    assert pace.rate() == pytest.approx(10)


def test_what_all_will_take_follows_from_the_first() -> None:
    told = estimate([100, 300], 2.0, 1000, 5000, 10**6)
    assert (told.seconds, told.results_bytes) == (500, 200_000)
    assert told.needed_bytes == 2 * 200_000 + 2_500_000
    assert told.free_bytes == 10**6


def test_images_that_take_minutes_have_a_rate_too() -> None:
    pace = Pace()
    for minute in range(0, 50, 5):
        pace.count(60 * minute)
        assert minute == 0 or pace.rate() == pytest.approx(1 / 300)
