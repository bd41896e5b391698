import contextlib
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from core.errors import InvalidRequest, InvalidResults
from core.results.format import Detection, ImageResult
from tests.pictures import encoded, exif_bytes, jpeg, scene
from tests.results_files import detection, failure, image, write_results
from tests.unit.core.results import strategies
from tests.unit.postprocessing.convert.conversions import above, back, save, to

SIZE: dict[str, Any] = {"width": 640, "height": 480}


def read(path: Path) -> COCO:
    """The data set as pycocotools reads it; what it prints is left out."""
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_pycocotools_finds_boxes_in_pixels(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results.json",
        image("a.jpg", detection("2", 0.9), detection("1", -0.5), **SIZE),
        image("b.jpg", **SIZE, own=[1], datetime="2026-05-02 06:11:54"),
        failure("c.jpg"),
    )
    told = to("coco", results, tmp_path / "coco.json")
    coco = read(tmp_path / "coco.json")
    assert [one["file_name"] for one in coco.loadImgs(coco.getImgIds())] == ["a.jpg", "b.jpg"]
    assert {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())} == {
        1: "animal",
        2: "person",
        3: "vehicle",
    }
    (found,) = coco.loadAnns(coco.getAnnIds(catIds=[2]))
    assert found["bbox"] == [64.0, 96.0, 192.0, 192.0]
    assert (found["area"], found["score"], found["image_id"]) == (192.0 * 192.0, 0.9, 1)
    assert coco.imgs[2]["own"] == [1]
    assert coco.imgs[2]["date_captured"] == "2026-05-02 06:11:54"
    assert told == {
        "detections struck out as repeated": 1,
        "images that failed: COCO would take them for empty ones": 1,
    }


def test_an_entry_stands_on_a_line(tmp_path: Path) -> None:
    images = [image(f"{number}.jpg", detection(), **SIZE) for number in range(3)]
    to("coco", write_results(tmp_path / "results.json", *images), tmp_path / "coco.json")
    lines = (tmp_path / "coco.json").read_text().splitlines()
    assert sum('"file_name"' in line for line in lines) == 3
    assert sum('"image_id"' in line for line in lines) == 3


def test_no_images_are_a_data_set_too(tmp_path: Path) -> None:
    to("coco", write_results(tmp_path / "results.json"), tmp_path / "coco.json")
    assert read(tmp_path / "coco.json").imgs == {}


def test_the_threshold_leaves_detections_out(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results.json", image("a.jpg", detection("1", 0.9), detection("1", 0.5), **SIZE)
    )
    to("coco", results, tmp_path / "coco.json", threshold=above(0.5))
    assert [one["score"] for one in read(tmp_path / "coco.json").anns.values()] == [0.9]


def test_sizes_are_those_of_the_upright_picture(tmp_path: Path) -> None:
    lying = encoded(scene(0, 64, 48), exif=exif_bytes(orientation=6))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(lying)
    results = write_results(tmp_path / "results.json", image("a.jpg", detection()))
    to("coco", results, tmp_path / "coco.json", images=tmp_path / "photos")
    coco = read(tmp_path / "coco.json")
    assert (coco.imgs[1]["width"], coco.imgs[1]["height"]) == (48, 64)


def test_missing_sizes_are_counted(tmp_path: Path) -> None:
    images = [image(f"{number}.jpg", detection()) for number in range(5)]
    results = write_results(tmp_path / "results.json", *images, failure("f.jpg"))
    with pytest.raises(InvalidRequest, match=r"5 images have no `width` .*0.jpg, .*--images"):
        to("coco", results, tmp_path / "coco.json")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/3.jpg").write_bytes(jpeg())
    (tmp_path / "photos/4.jpg").write_bytes(b"no picture")
    with pytest.raises(InvalidRequest, match=r"4 images .* no picture .*photos"):
        to("coco", results, tmp_path / "coco.json", images=tmp_path / "photos")
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "photos"}


@pytest.mark.parametrize("name", ["../a.jpg", "/{}/a.jpg", "x/../../a.jpg", "..\\a.jpg"])
def test_no_picture_outside_the_folder_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "photos/x").mkdir(parents=True)
    results = write_results(tmp_path / "results.json", image(name.format(tmp_path), detection()))
    with pytest.raises(InvalidRequest, match="1 images"):
        to("coco", results, tmp_path / "coco.json", images=tmp_path / "photos")


def of_four_decimals(number: float) -> float:
    return round(number, 4)


_side = st.floats(0, 1).map(of_four_decimals)
_detections = st.builds(
    Detection,
    category=st.sampled_from(["1", "2", "3"]),
    conf=st.floats(0, 1, allow_nan=False),
    bbox=st.tuples(_side, _side, _side, _side),
    frame_number=st.none() | st.integers(0, 99),
    classifications=st.none() | st.lists(st.tuples(st.just("0"), st.floats(0, 1)), max_size=2),
    extra=strategies.extras,
)
_images = st.builds(
    ImageResult,
    file=strategies.texts,
    detections=st.lists(_detections, max_size=3),
    width=st.integers(1, 10**5),
    height=st.integers(1, 10**5),
    datetime=st.none() | st.just("2026-04-30 05:12:44"),
    latitude=st.none() | st.floats(-90, 90),
    truncated=st.booleans(),
    meta=st.none() | strategies.texts,
    extra=strategies.extras,
)


def surest_first(one: ImageResult) -> ImageResult:
    found = sorted(one.detections or (), key=lambda each: -each.conf)
    return msgspec.structs.replace(one, detections=found)


@settings(deadline=None, max_examples=50)
@given(st.lists(_images, max_size=3))
def test_a_data_set_reads_back(
    tmp_path_factory: pytest.TempPathFactory, images: list[ImageResult]
) -> None:
    folder = tmp_path_factory.mktemp("coco")
    results = save(folder / "results.json", images, classification_categories={"0": "deer"})
    told = to("coco", results, folder / "coco.json")
    assert told == {}
    again, told = back_unchecked(folder)
    assert told == {}
    assert again == [surest_first(one) for one in images]


def back_unchecked(folder: Path) -> tuple[list[ImageResult], dict[str, int]]:
    """The images; made-up names may stand twice, which results must not have."""
    from postprocessing.convert.base import Notes, Options
    from postprocessing.convert.coco_reading import read as reader

    notes = Notes()
    imported = reader(folder / "coco.json", Options(), notes)
    return list(imported.images), dict(notes.counts)


def coco_file(path: Path, images: list[Any], annotations: list[Any]) -> Path:
    categories = [{"id": 0, "name": "empty"}, {"id": 5, "name": "deer"}]
    fields = {"images": images, "annotations": annotations, "categories": categories}
    path.write_bytes(msgspec.json.encode(fields))
    return path


def test_ground_truth_becomes_results(tmp_path: Path) -> None:
    images = [
        {"id": "a", "file_name": "a.jpg", "width": 100, "height": 50, "location": "north"},
        {"id": "b", "file_name": "b.jpg", "width": 100, "height": 50},
        {"id": "c", "file_name": "c.jpg"},
    ]
    annotations = [
        {"id": "x", "image_id": "a", "category_id": 5, "bbox": [10, 10, 50, 25]},
        {"id": "y", "image_id": "a", "category_id": 5},
        {"id": "z", "image_id": "b", "category_id": 0},
        {"id": "v", "image_id": "c", "category_id": 5},
        {"id": "w", "image_id": "gone", "category_id": 5, "bbox": [0, 0, 1, 1]},
    ]
    results, told = back("coco", coco_file(tmp_path / "coco.json", images, annotations))
    first, second, third = results.images()
    assert results.detection_categories == {"5": "deer"}
    assert first.detections == [Detection("5", 1.0, (0.1, 0.2, 0.5, 0.5))]
    assert first.extra == {"location": "north"}
    assert second.detections == []
    assert third.detections == [Detection("5", 1.0, (0, 0, 1, 1))]
    assert told == {
        "annotations without a `score`: they count as sure (1.0)": 2,
        "annotations without a box, beside others": 1,
        "annotations without a box: the whole picture stands for them": 1,
        "annotations of images that are not in the file": 1,
    }


@pytest.mark.parametrize(
    ("images", "annotations", "why"),
    [
        ([{"id": 1}], [], "/images/0: has no `file_name`"),
        ([1], [], "/images must be a list of objects"),
        (
            [{"id": 1, "file_name": "a", "width": 9, "height": 9}],
            [{"id": 7, "image_id": 1, "category_id": 5, "bbox": [1, 2]}],
            "id 7: `bbox` must be four numbers",
        ),
        ([{"id": 1, "file_name": "a", "width": "9"}], [], "/images/0/width: Expected"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, images: list[Any], annotations: list[Any], why: str
) -> None:
    with pytest.raises(InvalidResults, match=why):
        back("coco", coco_file(tmp_path / "coco.json", images, annotations))


def test_boxes_of_pictures_without_a_size_are_refused(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    annotations = [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [0, 0, 4, 4]}]
    path = coco_file(tmp_path / "coco.json", images, annotations)
    with pytest.raises(InvalidRequest, match="1 images have no `width`"):
        back("coco", path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(jpeg(width=8, height=8))
    results, _ = back("coco", path, images=tmp_path / "photos")
    assert next(results.images()).detections == [Detection("5", 1.0, (0.0, 0.0, 0.5, 0.5))]
