from pathlib import Path

import pytest

from postprocessing.compare import Comparison, Difference, compare
from postprocessing.thresholds import Threshold
from tests.results_files import detection, failure, image, write_results


@pytest.fixture
def compared(tmp_path: Path) -> Comparison:
    first = write_results(
        tmp_path / "first.json",
        image("same.jpg", detection("1", 0.9)),
        image("less.jpg", detection("1", 0.9), detection("2", 0.9)),
        image("weak.jpg", detection("1", 0.5)),
        failure("failed.jpg"),
        image("mine.jpg"),
    )
    second = write_results(
        tmp_path / "second.json",
        image("yours.jpg"),
        image("failed.jpg"),
        image("weak.jpg", detection("1", 0.5)),
        image("less.jpg", detection("1", 0.9)),
        image("same.jpg", detection("1", 0.6)),
    )
    return compare(first, second, Threshold(0.5, "given"), Threshold(0.4, "given"))


def test_images_are_matched_by_name_in_any_order(compared: Comparison) -> None:
    assert (compared.both, compared.agree) == (4, 1)
    assert compared.only_first == ["mine.jpg"]
    assert compared.only_second == ["yours.jpg"]


def test_what_each_says_is_counted_by_its_own_threshold(compared: Comparison) -> None:
    assert compared.said == {
        ("animal", "animal"): 1,
        ("animal and person", "animal"): 1,
        ("empty", "animal"): 1,
        ("failed", "empty"): 1,
    }


def test_all_differences_are_listed(compared: Comparison) -> None:
    assert compared.differences == [
        Difference("failed.jpg", "failed", "empty"),
        Difference("weak.jpg", "empty", "animal"),
        Difference("less.jpg", "animal and person", "animal"),
    ]
