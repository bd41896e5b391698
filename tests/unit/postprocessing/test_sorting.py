from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.sorting import Sorter, new_sorter
from postprocessing.thresholds import Threshold
from tests.results_files import detection, failure, image, write_results

SURE, UNSURE = Threshold(0.8, "given"), Threshold(0.3, "given")


def results_of(tmp_path: Path, *images: dict[str, Any]) -> Results:
    return write_results(tmp_path / "r.json", *images)


def sorter(results: Results, **special: float) -> Sorter:
    return new_sorter(results, SURE, UNSURE, special)


@pytest.mark.parametrize(
    ("one", "folder"),
    [
        (image("a", detection("1", 0.81)), "animal"),
        (image("a", detection("1", 0.8)), "uncertain"),
        (image("a", detection("1", 0.31)), "uncertain"),
        (image("a", detection("1", 0.3)), "empty"),
        (image("a"), "empty"),
        (image("a", detection("1", -0.95)), "empty"),
        (image("a", detection("3", 0.9), detection("1", 0.9)), "animal_vehicle"),
        (image("a", detection("2", 0.9), detection("1", 0.5)), "person"),
        (image("a", detection("9", 0.9)), "9"),
        (failure("a"), "failed"),
        ({"file": "a", "detections": [], "failure": "odd"}, "failed"),
    ],
)
def test_images_are_sorted_by_what_is_there(
    tmp_path: Path, one: dict[str, Any], folder: str
) -> None:
    results = results_of(tmp_path, one)
    (read,) = results.images()
    assert sorter(results).folder_of(read) == folder


def test_a_category_may_have_a_threshold_of_its_own(tmp_path: Path) -> None:
    results = results_of(
        tmp_path,
        image("a", detection("2", 0.6)),
        image("b", detection("2", 0.2)),
        image("c", detection("1", 0.6)),
    )
    read = list(results.images())
    assert [sorter(results, person=0.5).folder_of(one) for one in read] == [
        *("person", "empty", "uncertain")
    ]
    # Below what is uncertain of the others, it is sure and nothing else.
    assert sorter(results, person=0.1).folder_of(read[1]) == "person"


def test_a_category_that_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no category deer"):
        sorter(results_of(tmp_path), deer=0.5)
