from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.repeats.finding import Limits, Repeat, camera_of, find_repeats
from tests.results_files import image, write_results
from tests.unit.postprocessing.repeats.files import BRANCH, STONE, THREE, box, season


def found(results: Results, limits: Limits = THREE) -> list[Repeat]:
    return list(find_repeats(results, limits, results.path.parent))


def found_in(tmp_path: Path, *images: dict[str, Any], **limits: Any) -> list[list[list[int]]]:
    results = write_results(tmp_path / "r.json", *images)
    repeats = found(results, msgspec.structs.replace(THREE, **limits))
    return [one.members.tolist() for one in repeats]


def test_boxes_that_recur_are_found(tmp_path: Path) -> None:
    stone, branch = found(season(tmp_path / "r.json"))
    assert (stone.camera, stone.images, stone.detection.conf) == ("north", 4, 0.7)
    assert stone.file == "north/2.jpg"  # as sure as in 4.jpg; the first by name
    assert stone.members.tolist() == [[0, 0], [1, 0], [3, 1], [5, 1]]
    assert (branch.images, branch.members.tolist()) == (3, [[0, 1], [1, 1], [5, 0]])
    assert list(branch.detection.bbox) == BRANCH


def test_nothing_is_left_on_the_disk(tmp_path: Path) -> None:
    found(season(tmp_path / "r.json"))
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize(
    ("name", "levels", "camera"),
    [
        ("a/b/1.jpg", 0, "a/b"),
        ("a/b/1.jpg", 1, "a"),
        ("a/b/1.jpg", 2, ""),
        ("a/b/1.jpg", 9, ""),
        ("1.jpg", 0, ""),
        ("a\\b\\1.jpg", 0, "a/b"),
        ("C:\\a\\1.jpg", 0, "C:/a"),
        ("/a/1.jpg", 0, "/a"),
    ],
)
def test_cameras_are_folders(name: str, levels: int, camera: str) -> None:
    assert camera_of(name, levels) == camera


def test_cameras_are_kept_apart(tmp_path: Path) -> None:
    names = ("a/1.jpg", "A/2.jpg", "b/a/3.jpg")
    assert found_in(tmp_path, *(image(name, box()) for name in names)) == []
    names = ("a/x/1.jpg", "a/y/2.jpg", "a/x/3.jpg")
    images = [image(name, box()) for name in names]
    assert found_in(tmp_path, *images, levels=1) == [[[0, 0], [1, 0], [2, 0]]]
    assert found_in(tmp_path, *images) == []


def test_categories_are_kept_apart(tmp_path: Path) -> None:
    images = [image(f"{n}.jpg", box(category="12"[n % 2])) for n in range(4)]
    assert found_in(tmp_path, *images) == []
    assert len(found_in(tmp_path, *images, least_images=2)) == 2
    assert len(found_in(tmp_path, *images, least_images=2, excluded=("person",))) == 1
    with pytest.raises(InvalidRequest, match="no category deer; it has animal, person"):
        found_in(tmp_path, *images, excluded=("deer",))


@pytest.mark.parametrize(
    ("limits", "seen"),
    [
        ({}, True),
        ({"least_conf": 0.9}, True),
        ({"least_conf": 0.91}, False),
        ({"most_conf": 0.9}, True),
        ({"most_conf": 0.89}, False),
        ({"least_area": 0.0119}, True),
        ({"least_area": 0.0121}, False),
        ({"most_area": 0.0121}, True),
        ({"most_area": 0.0119}, False),
        ({"least_images": 4}, False),
    ],
)
def test_limits(tmp_path: Path, limits: dict[str, float], seen: bool) -> None:
    images = [image(f"{n}.jpg", box()) for n in range(3)]
    assert bool(found_in(tmp_path, *images, **limits)) is seen


@pytest.mark.parametrize(
    "one",
    [
        box(conf=-0.9),
        box(conf=0.0),
        box([0.4, 0.5, 0.0, 0.1]),
        box([0.4, 0.5, -0.1, -0.1]),
        box([0.4, 0.5, 1e-300, 0.1]),
        box([1e300, 0.5, 0.1, 0.1]),
        box([0.4, 0.5, 1e308, 1e308]),
        box(category="77"),
    ],
)
def test_what_is_no_detection_is_not_looked_at(tmp_path: Path, one: dict[str, Any]) -> None:
    images = [image(f"{n}.jpg", one, box()) for n in range(3)]
    assert found_in(tmp_path, *images, least_conf=0.0) == [[[0, 1], [1, 1], [2, 1]]]


def test_a_video_is_one_image_and_its_frame_is_told(tmp_path: Path) -> None:
    video = image("a.mp4", *[box(conf=0.95, frame_number=30 * n) for n in range(9)])
    assert found_in(tmp_path, video, image("b.jpg", box())) == []
    results = write_results(tmp_path / "r.json", video, *[image(f"{n}.jpg", box()) for n in "bc"])
    (repeat,) = found(results)
    assert (repeat.images, len(repeat.members)) == (3, 11)
    assert repeat.detection.frame_number == 0


@pytest.mark.parametrize("frame", [2**63, -3, 2**63 - 1])
def test_frames_may_be_any_number(tmp_path: Path, frame: int) -> None:
    images = [image(f"{n}.mp4", box(frame_number=frame)) for n in range(3)]
    assert len(found_in(tmp_path, *images)) == 1


def test_an_image_that_stands_twice_counts_once(tmp_path: Path) -> None:
    assert found_in(tmp_path, *[image("1.jpg", box())] * 3, image("2.jpg", box())) == []


def told(results: Results) -> list[Any]:
    """What was found, by names, so that the order of the file does not show."""
    images = list(results.images())
    return [
        (
            one.file,
            one.detection,
            one.images,
            sorted((images[n].file, repr((images[n].detections or [])[p])) for n, p in one.members),
        )
        for one in found(results)
    ]


_off = st.tuples(*[st.integers(-4, 4)] * 4)
_boxes = st.lists(
    st.tuples(st.sampled_from([STONE, BRANCH]), _off, st.sampled_from([0.3, 0.6])).map(
        lambda one: box([round(v + o / 1000, 4) for v, o in zip(*one[:2], strict=True)], one[2])
    ),
    max_size=3,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(images=st.lists(_boxes, min_size=3, max_size=10), data=st.data())
def test_the_order_of_images_and_detections_changes_nothing(
    tmp_path: Path, images: list[list[Any]], data: st.DataObject
) -> None:
    named = [image(f"{'ab'[n % 2]}/{n}.jpg", *boxes) for n, boxes in enumerate(images)]
    other = data.draw(st.permutations(named))
    shuffled = [
        {**one, "detections": data.draw(st.permutations(one["detections"]))} for one in other
    ]
    first = told(write_results(tmp_path / "1.json", *named))
    assert told(write_results(tmp_path / "2.json", *shuffled)) == first
