import pytest

from detection.video_sampling import Clock, Picker, Sampling


def taken(sampling: Sampling, seconds: list[float]) -> list[int]:
    picker = Picker(sampling)
    return [number for number, second in enumerate(seconds) if picker.takes(number, second)]


def test_all_frames_are_taken_where_nothing_is_said() -> None:
    assert taken(Sampling(), [0, 0.1, 0.2]) == [0, 1, 2]


@pytest.mark.parametrize(("every", "numbers"), [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (9, [0])])
def test_the_first_of_each_so_many_frames(every: int, numbers: list[int]) -> None:
    assert taken(Sampling(every=every), [0.0] * 5) == numbers


def test_the_first_frame_of_each_second() -> None:
    seconds = [number / 29.97 for number in range(100)]
    assert taken(Sampling(every_seconds=1), seconds) == [0, 30, 60, 90]


def test_a_late_frame_puts_off_no_other() -> None:
    assert taken(Sampling(every_seconds=1), [0, 0.9, 1.8, 2.1, 3.05]) == [0, 2, 3, 4]


def test_a_gap_is_one_frame() -> None:
    assert taken(Sampling(every_seconds=1), [0, 7.5, 7.6, 8.0, 8.1]) == [0, 1, 3]


def test_times_in_milliseconds_are_no_frame_late() -> None:
    """A container with whole milliseconds, cut short, tells 0.999 of the thirtieth frame."""
    seconds = [int(number * 1000 / 30.003) / 1000 for number in range(70)]
    assert seconds[30] == 0.999
    assert taken(Sampling(every_seconds=1), seconds) == [0, 30, 60]


def told(stamps: list[float | None], rate: float | None = 10) -> list[float]:
    clock = Clock(rate)
    return [round(clock.seconds(stamp), 6) for stamp in stamps]


@pytest.mark.parametrize(
    ("stamps", "seconds"),
    [
        ([5.0, 5.1, 5.3], [0, 0.1, 0.3]),  # a camera's stream does not begin at 0
        ([0, None, None, 0.5], [0, 0.1, 0.2, 0.5]),
        ([None, None, None], [0, 0.1, 0.2]),
        ([None, 7.0, 7.2], [0, 0.1, 0.3]),
        ([8.0, 8.1, 0.0, 0.1], [0, 0.1, 0.2, 0.3]),  # it started anew
        ([1.0, 1.0, 1.1], [0, 0.1, 0.2]),
    ],
)
def test_time_goes_on(stamps: list[float | None], seconds: list[float]) -> None:
    assert told(stamps) == pytest.approx(seconds)


def test_time_goes_on_without_any_rate() -> None:
    assert told([None, None], None) == [0, 0.04]
