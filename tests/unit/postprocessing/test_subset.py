from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.subset import Choice, Renaming, subset
from tests.results_files import detection, failure, image, write_results


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return write_results(
        tmp_path / "r.json",
        image("a/1.jpg", detection("1", 0.9), detection("2", 0.5, bbox=[0, 0, 1, 1])),
        image("a/2.JPG", detection("1", 0.2), detection("1", -0.9)),
        image("b/1.jpg"),
        failure("b/2.jpg"),
    )


def names(results: Results, **chosen: Any) -> list[str]:
    return [one.file for one in subset(results, Choice(**chosen))]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["a/1.jpg", "a/2.JPG", "b/1.jpg", "b/2.jpg"]),
        ({"under": ("a/",)}, ["a/1.jpg", "a/2.JPG"]),
        ({"under": ("a/1", "b/2")}, ["a/1.jpg", "b/2.jpg"]),
        ({"matching": ("*.jpg",)}, ["a/1.jpg", "b/1.jpg", "b/2.jpg"]),
        ({"under": ("a/",), "matching": ("*.jpg",)}, ["a/1.jpg"]),
        ({"listed": frozenset({"b/1.jpg", "none.jpg"})}, ["b/1.jpg"]),
        ({"listed": frozenset()}, []),
        ({"failed": False}, ["a/1.jpg", "a/2.JPG", "b/1.jpg"]),
        ({"empty": False}, ["a/1.jpg", "a/2.JPG", "b/2.jpg"]),
        ({"empty": False, "failed": False, "above": 0.2}, ["a/1.jpg"]),
        ({"empty": False, "failed": False, "categories": ("person",)}, ["a/1.jpg"]),
        ({"empty": False, "failed": False, "categories": ("vehicle",)}, []),
    ],
)
def test_images_are_chosen(results: Results, chosen: dict[str, Any], expected: list[str]) -> None:
    assert names(results, **chosen) == expected


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        ({}, [0.9, 0.5, 0.2, -0.9]),
        ({"above": 0.5}, [0.9]),
        ({"above": 0.0}, [0.9, 0.5, 0.2]),
        ({"categories": ("person",)}, [0.5]),
        ({"least_area": 0.5}, [0.5]),
        ({"most_area": 0.5}, [0.9, 0.2, -0.9]),
    ],
)
def test_detections_are_chosen(results: Results, chosen: dict[str, Any], kept: list[float]) -> None:
    images = subset(results, Choice(**chosen))
    assert [one.conf for each in images for one in each.detections or ()] == kept


def test_a_failure_stays_one_whatever_is_chosen(results: Results) -> None:
    *_, last = subset(results, Choice(above=0.5, empty=False))
    assert (last.detections, bool(last.failure)) == (None, True)


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        ((("a/", ""),), "1.jpg"),
        ((("", "x/"),), "x/a/1.jpg"),
        ((("a", "c"),), "c/1.jpg"),
        ((("z", "y"),), "a/1.jpg"),
        ((("z/", "y/"), ("a/", "b/"), ("a/1", "no")), "b/1.jpg"),
        ((("a/", "b/"), ("b/", "c/")), "b/1.jpg"),
    ],
)
def test_prefixes_take_each_others_place(
    results: Results, prefixes: tuple[tuple[str, str], ...], expected: str
) -> None:
    assert next(subset(results, Choice(), Renaming(prefixes))).file == expected


def test_a_category_that_the_file_does_not_have_is_refused_at_once(results: Results) -> None:
    with pytest.raises(InvalidRequest, match="no category deer"):
        subset(results, Choice(categories=("deer",)))
