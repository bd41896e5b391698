"""The judge sees what is lost, duplicated or wrong, and nothing else."""

from io import BytesIO

import pytest

from core.results.writer import ResultsWriter
from tests.torture.http_proxy import garbled
from tests.torture.stock import judged, make_stock
from tests.torture.verdict import Verdict, compare, examples, image_lines

RIGHT = [b'{"file":"%d.jpg","detections":[]}' % n for n in range(5)]
OTHER = b'{"file":"1.jpg","detections":null}'
UNLISTED = b'{"file":"9.jpg","detections":[]}'


def test_all_is_right() -> None:
    assert compare(RIGHT, RIGHT) == Verdict(images=5)
    assert compare(RIGHT[1:3], RIGHT, partial=True) == Verdict(images=2)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([], Verdict(5, lost=5)),
        (RIGHT[:2] + RIGHT[3:], Verdict(5, lost=1)),
        ([RIGHT[0], *RIGHT], Verdict(5, duplicated=1)),
        ([*RIGHT, RIGHT[0], RIGHT[1]], Verdict(5, duplicated=2)),
        ([RIGHT[0], OTHER, *RIGHT[2:]], Verdict(5, wrong=1)),
        ([*RIGHT, UNLISTED], Verdict(5, wrong=1)),
        ([RIGHT[1], RIGHT[0], *RIGHT[2:]], Verdict(5, wrong=1)),
        ([RIGHT[0], RIGHT[0], *RIGHT[2:]], Verdict(5, lost=1, duplicated=1)),
    ],
)
def test_what_is_not_right(found: list[bytes], verdict: Verdict) -> None:
    assert compare(found, RIGHT) == verdict and not verdict.sound


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([RIGHT[3], RIGHT[1]], Verdict(2, wrong=1)),
        ([RIGHT[3], RIGHT[3]], Verdict(2, duplicated=1)),
        ([OTHER], Verdict(1, wrong=1)),
    ],
)
def test_what_is_not_right_in_a_part(found: list[bytes], verdict: Verdict) -> None:
    assert compare(found, RIGHT, partial=True) == verdict


def test_examples_are_few_and_name_both() -> None:
    assert examples(RIGHT, RIGHT) == []
    found = [OTHER, *[UNLISTED] * 5]
    shown = examples(found, RIGHT)
    assert shown[0] == f"{OTHER!r} should be {RIGHT[1]!r}" and len(shown) == 3
    assert shown[1] == f"{UNLISTED!r} should be None"


def test_verdicts_add_up() -> None:
    total = sum([Verdict(5, lost=1), Verdict(3, wrong=2), Verdict(1, duplicated=3)], Verdict())
    assert total == Verdict(9, 1, 3, 2)
    assert Verdict(9).sound


@pytest.mark.parametrize("count", [0, 1, 5])
def test_lines_of_a_results_file(count: int) -> None:
    file = BytesIO()
    writer = ResultsWriter(file)
    writer.begin({"format_version": "1.6"}, {"1": "animal"})
    for line in RIGHT[:count]:
        writer.write_line(line)
    writer.end()
    assert image_lines(file.getvalue()) == RIGHT[:count]


def test_stock_has_what_makes_results_differ() -> None:
    stock = make_stock()
    assert {one.result.failure for one in stock.bad} == {
        "image access failure: empty_file",
        "image access failure: not_an_image",
        "image access failure: truncated",
    }
    assert len({one.line("x") for one in stock.sound}) > len(stock.sound) // 2
    assert all(one.result.failure is None for one in stock.sound)


def test_garbled_pictures_give_other_results() -> None:
    """Else nobody would see that wrong bytes were believed."""
    sound = make_stock().sound
    taken = judged([garbled(one.data) for one in sound])
    assert all(len(one.data) == len(other.data) for one, other in zip(sound, taken, strict=True))
    same = [one for one, other in zip(sound, taken, strict=True) if one.result == other.result]
    assert len(same) < len(sound) / 10
