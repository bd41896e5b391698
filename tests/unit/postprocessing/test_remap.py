from pathlib import Path

import pytest

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.remap import BySize, remap
from tests.results_files import CATEGORIES, detection, failure, image, write_results


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return write_results(
        tmp_path / "r.json",
        image("a.jpg", detection("1"), detection("3", 0.5, own="kept")),
        image("b.jpg", detection("1", bbox=[0, 0, 1, 0.96]), detection("2", bbox=[0, 0, 1, 1])),
        failure("c.jpg"),
    )


def test_two_categories_with_one_new_name_become_one(results: Results) -> None:
    new = remap(results, {"vehicle": "thing", "person": "thing"})
    assert new.categories == {"1": "animal", "2": "thing"}
    first, _, failed = new.images(results)
    assert [one.category for one in first.detections or ()] == ["1", "2"]
    assert (first.detections or [])[1].extra == {"own": "kept"}
    assert failed.detections is None


def test_names_can_change_places(results: Results) -> None:
    new = remap(results, {"animal": "person", "person": "animal"})
    assert new.categories == {"1": "person", "2": "animal", "3": "vehicle"}


def test_a_name_that_the_file_does_not_have_is_refused(results: Results) -> None:
    with pytest.raises(InvalidRequest, match="no category deer; it has animal, person, vehicle"):
        remap(results, {"deer": "animal"})


def test_large_boxes_of_one_category_get_their_own(results: Results) -> None:
    by_size = BySize(category="animal", large="large animal", area=0.95)
    categories, images = by_size.apply(results)
    assert categories == {**CATEGORIES, "4": "large animal"}
    first, second, failed = images
    assert [one.category for one in first.detections or ()] == ["1", "3"]
    assert [one.category for one in second.detections or ()] == ["4", "2"]
    assert failed.failure


def test_a_box_of_just_that_size_is_not_large(results: Results) -> None:
    _, images = BySize(category="animal", large="large", area=0.96).apply(results)
    assert [one.category for one in list(images)[1].detections or ()] == ["1", "2"]


def test_large_ones_may_join_a_category_that_is_there(results: Results) -> None:
    by_size = BySize(category="animal", large="vehicle", area=0.95)
    categories, images = by_size.apply(results)
    assert categories == CATEGORIES
    assert [one.category for one in list(images)[1].detections or ()] == ["3", "2"]


def test_a_category_to_divide_must_be_there(results: Results) -> None:
    with pytest.raises(InvalidRequest, match="no category deer"):
        BySize(category="deer", large="large", area=0.5).apply(results)
