import pytest

from postprocessing.light import LightDetection, LightImage
from postprocessing.preview.grouping import Grouper, Key, Kind
from tests.results_files import CATEGORIES

GROUPER = Grouper(CATEGORIES, threshold=0.5, almost=0.4)


def image(*found: tuple[str, float]) -> LightImage:
    return LightImage("a.jpg", [LightDetection(category, conf) for category, conf in found])


@pytest.mark.parametrize(
    ("found", "title"),
    [
        ([("1", 0.51)], "animal"),
        ([("1", 0.5)], "almost"),
        ([("1", 0.4)], "empty"),
        ([("1", -0.9)], "empty"),
        ([], "empty"),
        ([("2", 0.9), ("1", 0.8), ("1", 0.7)], "animal and person"),
        ([("2", 0.9), ("1", 0.45)], "person"),
        ([("7", 0.9), ("3", 0.9)], "vehicle and 7"),
    ],
)
def test_groups_go_by_what_lies_above(found: list[tuple[str, float]], title: str) -> None:
    assert GROUPER.key_of(image(*found)).title == title


def test_two_ids_of_one_name_are_one() -> None:
    grouper = Grouper({"1": "animal", "4": "animal"}, 0.5, 0.4)
    assert grouper.key_of(image(("1", 0.9), ("4", 0.9))) == Key(Kind.FOUND, ("animal",))
