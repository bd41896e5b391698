"""What other detection programs write becomes results."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.errors import InvalidRequest, InvalidResults
from core.results.format import Detection
from core.results.reader import open_results
from postprocessing.convert.base import Notes, Options
from postprocessing.convert.formats import convert_to
from tests.pictures import encoded, exif_bytes, jpeg, scene
from tests.unit.postprocessing.convert.conversions import back

DEER = "c1;mammalia;cetartiodactyla;cervidae;odocoileus;virginianus;white-tailed deer"
BLANK = "f1;;;;;;blank"


def json_file(path: Path, **fields: Any) -> Path:
    path.write_bytes(msgspec.json.encode(fields))
    return path


def seen(category: str, label: str, conf: float, **more: Any) -> dict[str, Any]:
    box = [0.1, 0.2, 0.3, 0.4]
    return {"category": category, "label": label, "conf": conf, "bbox": box, **more}


def test_predictions_of_speciesnet(tmp_path: Path) -> None:
    predictions = [
        {
            "filepath": "north/1.jpg",
            "country": "USA",
            "latitude": 44.5,
            "longitude": -110.0,
            "classifications": {"classes": [DEER, BLANK], "scores": [0.7, 0.2]},
            "detections": [seen("2", "human", 0.4), seen("1", "animal", 0.9)],
            "prediction": DEER,
            "prediction_score": 0.65,
            "prediction_source": "classifier",
            "model_version": "4.0.1a",
        },
        {"filepath": "2.jpg", "detections": [], "prediction": BLANK, "prediction_score": 0.9},
        {"filepath": "3.jpg", "detections": [], "prediction": DEER, "prediction_score": 0.6},
        {"filepath": "4.jpg", "failures": ["DETECTOR", "CLASSIFIER"]},
        {
            "filepath": "5.jpg",
            "failures": ["CLASSIFIER"],
            "detections": [seen("3", "vehicle", 0.5)],
        },
        {"filepath": "6.jpg", "classifications": {"classes": [DEER], "scores": [0.7]}},
    ]
    results, told = back("speciesnet", json_file(tmp_path / "p.json", predictions=predictions))
    first, blank, deer, failed, half, unseen = results.images()
    box = (0.1, 0.2, 0.3, 0.4)
    assert results.detection_categories == {"1": "animal", "2": "person", "3": "vehicle"}
    assert results.classification_categories == {"0": "white-tailed deer", "1": "blank"}
    descriptions = results.extra["classification_category_descriptions"]
    assert msgspec.json.decode(msgspec.json.encode(descriptions)) == {"0": DEER, "1": BLANK}
    assert first.detections == [
        Detection("1", 0.9, box, classifications=[("0", 0.65)]),
        Detection("2", 0.4, box),
    ]
    assert (first.latitude, first.longitude) == (44.5, -110.0)
    assert (first.extra or {})["country"] == "USA"
    assert (first.extra or {})["model_version"] == "4.0.1a"
    assert (blank.detections, deer.detections) == ([], [])
    assert failed.failure == "inference failure: DETECTOR, CLASSIFIER"
    assert half.detections == [Detection("3", 0.5, box)]
    assert (half.extra or {})["failures"] == ["CLASSIFIER"]
    # An image that no detector saw is not an empty one.
    assert unseen.failure == "inference failure: no detections were made"
    assert told == {
        "classes of images in which nothing was detected": 1,
        "failures of images that have detections: kept in `failures`": 1,
    }
    assert results.info["classifier"] == "SpeciesNet 4.0.1a"


def test_classes_of_single_detections_stay_with_them(tmp_path: Path) -> None:
    raw = {"raw_classifications": {"classes": [DEER], "scores": [0.7]}}
    settled = {**raw, "processed_classification": {"class": BLANK, "score": 0.3}}
    predictions = [
        {
            "filepath": "1",
            "detections": [seen("1", "animal", 0.9, **raw), seen("1", "animal", 0.8)],
        },
        {"filepath": "2", "detections": [seen("1", "animal", 0.9, **settled)]},
        {
            "filepath": "3",
            "detections": [
                seen("1", "animal", 0.9),
                seen("0", "whole_image_classification", 1.0, **raw),
            ],
        },
    ]
    results, _ = back("speciesnet", json_file(tmp_path / "p.json", predictions=predictions))
    classes = results.classification_categories
    told = [
        [
            [(classes[number], conf) for number, conf in one.classifications or ()]
            for one in image.detections or ()
        ]
        for image in results.images()
    ]
    deer, blank = ("white-tailed deer", 0.7), ("blank", 0.3)
    assert told == [[[deer], []], [[blank]], [[deer]]]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "/predictions must be a list"),
        ({"predictions": [{}]}, "/predictions/0: has no `filepath`"),
        ({"predictions": [{"filepath": "a", "detections": 1}]}, "/predictions/0/detections: must"),
        (
            {"predictions": [{"filepath": "a", "detections": [{"conf": 1, "bbox": [1]}]}]},
            "/predictions/0/detections: need",
        ),
        (
            {"predictions": [{"filepath": "a", "detections": [], "latitude": "x"}]},
            "/predictions/0/latitude: Expected",
        ),
    ],
)
def test_what_is_wrong_with_predictions_is_named(
    tmp_path: Path, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidResults, match=why):
        back("speciesnet", json_file(tmp_path / "p.json", **fields))


def test_a_file_that_is_cut_off_is_explained(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"predictions": [{"filepath": "a"')
    with pytest.raises(InvalidResults, match="cut off"):
        back("speciesnet", tmp_path / "p.json")
    (tmp_path / "p.json").write_text("[]")
    with pytest.raises(InvalidResults, match="no JSON object"):
        back("speciesnet", tmp_path / "p.json")


NAMES = {"0": "animal", "1": "person", "2": "vehicle"}


def entry(name: str, boxes: list[list[float]], *more: list[Any]) -> dict[str, Any]:
    category, confidence = more or ([], [])
    return {"img_id": name, "bbox": boxes, "category": category, "confidence": confidence}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(jpeg(width=80, height=40))
    lying = encoded(scene(0, 80, 40), exif=exif_bytes(orientation=6))
    (tmp_path / "photos/turned.jpg").write_bytes(lying)
    return tmp_path / "photos"


def test_pixels_of_pytorch_wildlife(tmp_path: Path, photos: Path) -> None:
    boxes = [[0, 0, 8, 4], [8, 4, 48, 24]]
    annotations = [entry("a.jpg", boxes, [2, 0], [0.25, 0.91234]), entry("empty.jpg", [])]
    path = json_file(tmp_path / "pw.json", annotations=annotations, categories=NAMES)
    results, told = back("pytorch-wildlife", path, images=photos)
    first, empty = results.images()
    assert results.detection_categories == {"1": "animal", "3": "vehicle"}
    assert first.detections == [
        Detection("1", 0.912, (0.1, 0.1, 0.5, 0.5)),
        Detection("3", 0.25, (0.0, 0.0, 0.1, 0.1)),
    ]
    assert (empty.file, empty.detections, told) == ("empty.jpg", [], {})


def test_pictures_that_exif_turns_are_doubtful(tmp_path: Path, photos: Path) -> None:
    annotations = [entry("turned.jpg", [[0, 0, 40, 40]], [0], [0.5])]
    path = json_file(tmp_path / "pw.json", annotations=annotations, categories=None)
    results, told = back("pytorch-wildlife", path, images=photos)
    (image,) = results.images()
    assert list(results.detection_categories.values()) == ["category 0"]
    assert (image.detections or [])[0].bbox == (0.0, 0.0, 1.0, 0.5)
    assert list(told.values()) == [1]


def test_its_classes_stay_where_each_detection_has_one(tmp_path: Path, photos: Path) -> None:
    shared = {"img_id": "a.jpg", "bbox": [[0, 0, 8, 4]] * 2, "det_category": [0, 0]}
    shared["det_confidence"] = [0.9, 0.8]
    annotations = [
        {**shared, "clf_category": [5, 6], "clf_confidence": [0.5, 0.4]},
        {**shared, "clf_category": [5], "clf_confidence": [0.5], "img_id": "turned.jpg"},
    ]
    path = json_file(
        tmp_path / "pw.json",
        annotations=annotations,
        det_categories=NAMES,
        clf_categories={"5": "Capybara"},
    )
    results, told = back("pytorch-wildlife", path, images=photos)
    first, second = results.images()
    assert results.classification_categories == {"0": "Capybara", "1": "class 6"}
    assert [one.classifications for one in first.detections or ()] == [[("0", 0.5)], [("1", 0.4)]]
    assert [one.classifications for one in second.detections or ()] == [None, None]
    assert "classes that belong to some detections only, and not told to which" in told


def test_pixels_without_pictures_are_refused(tmp_path: Path) -> None:
    annotations = [entry("a.jpg", [[0, 0, 8, 4]], [0], [0.5]), entry("b.jpg", [])]
    path = json_file(tmp_path / "pw.json", annotations=annotations, categories=NAMES)
    with pytest.raises(InvalidRequest, match="1 images have no `width`"):
        back("pytorch-wildlife", path)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        ({}, "has no `img_id`"),
        ({"img_id": "a"}, "lacks a list"),
        (entry("a", [[0, 0, 1, 1]], [], []), "lists of different lengths"),
        (entry("a", [[0, 0, 1]], [0], [0.5]), "a box is four numbers"),
    ],
)
def test_what_is_wrong_with_annotations_is_named(
    tmp_path: Path, one: dict[str, Any], why: str
) -> None:
    path = json_file(tmp_path / "pw.json", annotations=[one], categories=NAMES)
    with pytest.raises(InvalidResults, match=why):
        back("pytorch-wildlife", path)


def test_its_json_for_timelapse_is_a_results_file(tmp_path: Path) -> None:
    found = {"category": "0", "conf": 0.9, "bbox": [0.1, 0.2, 0.3, 0.4], "classifications": []}
    path = json_file(
        tmp_path / "timelapse.json",
        info={"detector": "megadetector_v5"},
        detection_categories=NAMES,
        images=[
            {"file": "a.jpg", "max_detection_conf": 0.9, "detections": [found]},
            {"file": "b.jpg", "max_detection_conf": "", "detections": []},
        ],
    )
    convert_to("results", open_results(path), tmp_path / "out.json", Options(), Notes())
    results = open_results(tmp_path / "out.json")
    first, second = results.images()
    assert results.version == (1, 6)
    assert (first.detections or [])[0].conf == 0.9
    assert (second.detections, second.extra) == ([], None)
