import csv
from pathlib import Path

import msgspec
import pytest

from core.errors import InvalidRequest
from tests.pictures import encoded, exif_bytes, scene
from tests.results_files import detection, failure, image, write_results
from tests.unit.postprocessing.convert.conversions import above, to


def test_a_file_an_image_with_corners_in_pixels(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results.json",
        image(
            "north/a.jpg",
            detection("2", 0.9, classifications=[["0", 0.5]]),
            detection("1", 0.2),
            width=640,
            height=480,
        ),
        failure("b.jpg"),
        classification_categories={"0": "ranger"},
    )
    told = to("labelme", results, tmp_path / "set", threshold=above(0.5))
    labels = msgspec.json.decode((tmp_path / "set/north/a.json").read_bytes())
    (shape,) = labels.pop("shapes")
    assert labels == {
        "version": "5.5.0",
        "flags": {},
        "imagePath": "a.jpg",
        "imageData": None,
        "imageHeight": 480,
        "imageWidth": 640,
    }
    assert shape["points"] == [[64.0, 96.0], [256.0, 288.0]]
    assert (shape["label"], shape["shape_type"]) == ("person", "rectangle")
    assert shape["description"] == "conf 0.9, ranger 0.5"
    assert told == {"images that failed: see images.csv": 1}
    with (tmp_path / "set/images.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["labelled", "failed"]


def test_sizes_are_those_of_the_upright_picture(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    lying = encoded(scene(0, 64, 48), exif=exif_bytes(orientation=8))
    (tmp_path / "photos/a.jpg").write_bytes(lying)
    results = write_results(tmp_path / "results.json", image("a.jpg", detection()))
    to("labelme", results, tmp_path / "set", images=tmp_path / "photos")
    labels = msgspec.json.decode((tmp_path / "set/a.json").read_bytes())
    assert (labels["imageWidth"], labels["imageHeight"]) == (48, 64)
    assert labels["shapes"][0]["points"] == [[4.8, 12.8], [19.2, 38.4]]


def test_missing_sizes_leave_nothing_behind(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results.json", image("a.jpg", width=9, height=9), image("b.jpg")
    )
    with pytest.raises(InvalidRequest, match=r"1 images have no `width` and `height`: b\.jpg"):
        to("labelme", results, tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
