import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.results.reader import Results, open_results
from core.results.validator import validate
from postprocessing.repeats.finding import find_repeats
from postprocessing.repeats.index import Index
from postprocessing.repeats.removing import Removal, remove_repeats, struck_out
from postprocessing.repeats.reviewing import write_review
from tests.pictures import jpeg
from tests.results_files import image, write_results
from tests.unit.postprocessing.repeats.files import STONE, THREE, box, season

# [image, detection] of what `season` repeats.
STONES = [(0, 0), (1, 0), (3, 1), (5, 1)]
BRANCHES = [(0, 1), (1, 1), (5, 0)]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return season(tmp_path / "r.json")


@pytest.fixture
def review(results: Results, tmp_path: Path) -> Path:
    write_review(results, THREE, tmp_path, tmp_path / "review")
    return tmp_path / "review"


def pictures(folder: Path) -> list[Path]:
    """That of the stone, and that of the branch."""
    return sorted(folder.glob("0*.jpg"))


def negative(path: Path) -> list[tuple[int, int]]:
    return [
        (number, position)
        for number, one in enumerate(open_results(path).images())
        for position, detection in enumerate(one.detections or ())
        if detection.conf < 0
    ]


def removed(results: Results, review: Path) -> tuple[Removal, list[tuple[int, int]]]:
    target = results.path.with_name("cleaned.json")
    removal = remove_repeats(results, review, target)
    return removal, negative(target)


def test_what_is_left_is_struck_out_and_nothing_else_is_touched(
    results: Results, review: Path
) -> None:
    before = results.path.read_bytes()
    removal, struck = removed(results, review)
    assert struck == sorted(STONES + BRANCHES)
    assert (removal.detections, removal.images) == (7, 4)
    assert (removal.left, removal.pictures, removal.foreign) == (2, 2, [])
    target = results.path.with_name("cleaned.json")
    assert target.read_bytes().replace(b'"conf":-', b'"conf":') == before
    assert results.path.read_bytes() == before
    assert validate(target).valid


def test_a_picture_that_was_deleted_saves_its_detections(results: Results, review: Path) -> None:
    pictures(review)[0].unlink()
    removal, struck = removed(results, review)
    assert struck == BRANCHES
    assert (removal.detections, removal.images, removal.left) == (3, 3, 1)


def test_all_pictures_may_be_deleted(results: Results, review: Path) -> None:
    for path in pictures(review):
        path.unlink()
    removal, struck = removed(results, review)
    assert (struck, removal.detections, removal.images) == ([], 0, 0)


def test_it_can_be_run_twice(results: Results, review: Path) -> None:
    target = results.path.with_name("cleaned.json")
    for _ in range(2):
        assert removed(results, review)[1] == sorted(STONES + BRANCHES)
        first = target.read_bytes()
    assert removed(results, review)[0].detections == 7
    assert target.read_bytes() == first


def test_what_is_struck_out_stays_so(results: Results, review: Path) -> None:
    removed(results, review)
    cleaned = open_results(results.path.with_name("cleaned.json"))
    members = np.array(sorted(STONES + BRANCHES), np.uint32)
    assert list(struck_out(cleaned, members, Removal())) == list(cleaned.images())


def test_other_results_are_refused(results: Results, review: Path) -> None:
    removed(results, review)
    cleaned = open_results(results.path.with_name("cleaned.json"))
    with pytest.raises(InvalidRequest, match=r"made for other results: for r\.json"):
        remove_repeats(cleaned, review, results.path.with_name("more.json"))
    assert not results.path.with_name("more.json").exists()


def test_what_was_struck_out_is_not_found_again(
    results: Results, review: Path, tmp_path: Path
) -> None:
    removed(results, review)
    cleaned = open_results(tmp_path / "cleaned.json")
    assert list(find_repeats(cleaned, THREE, tmp_path)) == []


def test_the_results_file_may_be_called_otherwise(results: Results, review: Path) -> None:
    moved = results.path.rename(results.path.with_name("moved.json"))
    assert removed(open_results(moved), review)[0].detections == 7


def test_the_folder_may_be_moved(results: Results, review: Path, tmp_path: Path) -> None:
    elsewhere = shutil.move(review, tmp_path / "another disk")
    assert removed(results, Path(elsewhere))[1] == sorted(STONES + BRANCHES)


def test_pictures_may_be_renamed_and_copied(results: Results, review: Path) -> None:
    stone, branch = pictures(review)
    shutil.copy(stone, review / "stone - Copy.JPG")
    stone.rename(review / "a stone.jpg")
    branch.unlink()
    removal, struck = removed(results, review)
    assert (struck, removal.left, removal.foreign) == (STONES, 1, [])


def test_pictures_may_be_changed(results: Results, review: Path) -> None:
    pictures(review)[0].write_bytes(jpeg())  # turned and saved by a viewer
    assert removed(results, review)[1] == sorted(STONES + BRANCHES)


def test_files_of_systems_count_as_nothing(results: Results, review: Path) -> None:
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini", "._00001.jpg", "notes.txt"):
        (review / name).write_bytes(b"x")
    (review / ".thumbnails").mkdir()
    shutil.copy(pictures(review)[0], review / ".thumbnails")
    removal, struck = removed(results, review)
    assert (struck, removal.foreign) == (sorted(STONES + BRANCHES), [])


def test_pictures_in_folders_of_it_count_as_nothing_and_are_told(
    results: Results, review: Path
) -> None:
    (review / "animals").mkdir()
    moved = pictures(review)[0].rename(review / "animals" / pictures(review)[0].name)
    (review / "mine.jpg").write_bytes(jpeg())
    removal, struck = removed(results, review)
    assert struck == BRANCHES
    assert removal.foreign == [f"animals/{moved.name}", "mine.jpg"]


def test_without_its_index_the_folder_is_refused(
    results: Results, review: Path, tmp_path: Path
) -> None:
    (review / "index.json").unlink()
    pictures(review)[0].unlink()
    with pytest.raises(InvalidRequest, match="run `megabatch post repeats find` again"):
        removed(results, review)
    write_review(results, THREE, tmp_path, tmp_path / "again")
    shutil.copy(tmp_path / "again/index.json", review)
    assert removed(results, review)[1] == BRANCHES


def with_index(review: Path, **changes: Any) -> None:
    index = msgspec.json.decode((review / "index.json").read_bytes())
    for name, value in changes.items():
        if name in index:
            index[name] = value
        else:
            index["pictures"][0][name] = value
    (review / "index.json").write_bytes(msgspec.json.encode(index))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"megabatch_repeats": 2}, "another version"),
        ({"pictures": 3}, "damaged"),
        ({"stands_for": [[0]]}, "damaged"),
        ({"stands_for": [[-1, 0]]}, "damaged"),
        ({"stands_for": [[2**70, 0]]}, "damaged"),
        ({"stands_for": "x"}, "damaged"),
        ({"stands_for": [[0, 7]]}, "does not have"),
        ({"stands_for": [[4, 0]]}, "does not have"),
        ({"stands_for": [[99, 0]]}, "does not have"),
    ],
)
def test_a_damaged_index_is_refused(
    results: Results, review: Path, changes: dict[str, Any], told: str
) -> None:
    with_index(review, **changes)
    with pytest.raises(InvalidRequest, match=told):
        removed(results, review)
    assert not results.path.with_name("cleaned.json").exists()


def test_an_index_that_was_cut_off_is_refused(results: Results, review: Path) -> None:
    path = review / "index.json"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InvalidRequest, match="damaged"):
        removed(results, review)


def test_the_results_are_never_replaced(results: Results, review: Path) -> None:
    with pytest.raises(InvalidRequest, match="what is read"):
        remove_repeats(results, review, results.path)


def test_any_layout_will_do(tmp_path: Path) -> None:
    fields = msgspec.json.decode(season(tmp_path / "r.json").path.read_bytes())
    (tmp_path / "flat.json").write_bytes(msgspec.json.encode(fields))
    flat = open_results(tmp_path / "flat.json")
    write_review(flat, THREE, tmp_path, tmp_path / "review")
    assert removed(flat, tmp_path / "review")[1] == sorted(STONES + BRANCHES)


_off = st.integers(-40, 40).map(lambda off: [round(v + off / 8000, 4) for v in STONE])
_image = st.lists(st.tuples(_off, st.sampled_from([-0.5, 0.4, 0.9])), max_size=2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(_image, min_size=2, max_size=9))
def test_confidences_change_their_sign_alone(
    tmp_path_factory: pytest.TempPathFactory, found: list[list[tuple[list[float], float]]]
) -> None:
    place = tmp_path_factory.mktemp("season")
    images = [image(f"{n}.jpg", *(box(*one) for one in boxes)) for n, boxes in enumerate(found)]
    results = write_results(place / "r.json", *images)
    write_review(results, THREE, place, place / "review")
    removal, struck = removed(results, place / "review")
    expected = {
        (int(number), int(position))
        for repeat in find_repeats(results, THREE, place)
        for number, position in repeat.members
    }
    before = {
        (number, position)
        for number, boxes in enumerate(found)
        for position, (_, conf) in enumerate(boxes)
        if conf < 0
    }
    assert set(struck) == expected | before
    assert not expected & before
    assert removal.detections == len(expected)
    assert len({number for number, _ in expected}) in (0, removal.images)


def test_the_index_knows_its_own_form() -> None:
    assert {"megabatch_repeats", "results", "pictures"} == set(Index.__struct_fields__)
