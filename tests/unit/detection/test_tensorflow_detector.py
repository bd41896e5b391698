from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from core.catalog import ANIMAL, DEMO, PERSON, VEHICLE
from core.errors import ModelUnavailable
from core.image_list import ListedImage
from core.results.format import Detection
from detection.detector import Detector, load_detector
from detection.pipeline import PipelineOptions, run_pipeline
from detection.tensorflow_detector import TensorFlowDetector
from detection.tensorflow_module import load_tensorflow

PHOTOGRAPHS = Path(skimage.__file__).parent / "data"
CAMERA_TRAP = Path(__file__).parents[4] / "shared/data/images"


def found(detector: Detector, *files: Path) -> list[list[Detection]]:
    images = [ListedImage(str(path)) for path in files]
    options = PipelineOptions(threshold=0.05)
    results = run_pipeline(images, lambda image: Path(image.name).read_bytes(), detector, options)
    return [result.detections or [] for result in results]


@pytest.mark.parametrize(
    ("name", "category", "conf"),
    [
        ("chelsea.png", ANIMAL, 0.934),
        ("astronaut.png", PERSON, 0.686),
        ("motorcycle_left.png", VEHICLE, 0.982),
    ],
)
def test_what_the_demo_model_finds(
    demo_detector: Detector, name: str, category: str, conf: float
) -> None:
    ((best, *_),) = found(demo_detector, PHOTOGRAPHS / name)
    assert best.category == category
    assert best.conf == pytest.approx(conf, abs=0.01)


@pytest.mark.parametrize("name", ["coffee.png", "grass.png"])
def test_where_the_demo_model_finds_nothing(demo_detector: Detector, name: str) -> None:
    assert found(demo_detector, PHOTOGRAPHS / name) == [[]]


def test_a_box_is_left_top_width_and_height(demo_detector: Detector) -> None:
    # The cat's face fills the right three quarters of a wider picture: only x changes.
    cat = np.asarray(Image.open(PHOTOGRAPHS / "chelsea.png").convert("RGB"))
    wide = np.full((cat.shape[0], cat.shape[1] * 2, 3), 127, np.uint8)
    wide[:, cat.shape[1] :] = cat
    (answer,) = demo_detector.detect([wide])
    best = max(answer, key=lambda one: one.conf)
    x, y, width, height = best.bbox
    assert best.category == ANIMAL
    assert x > 0.45
    assert width < 0.55
    assert y < 0.2
    assert height > 0.6


@pytest.mark.skipif(not CAMERA_TRAP.is_dir(), reason="the camera-trap pictures are not here")
def test_what_the_demo_model_finds_in_camera_trap_pictures(demo_detector: Detector) -> None:
    expected: Mapping[str, tuple[str, float]] = {
        "african_elephants.jpg": (ANIMAL, 0.40),
        "american_black_bear.jpg": (ANIMAL, 0.83),
        "domestic_cattle.jpg": (ANIMAL, 0.49),
        "domestic_dog.jpg": (ANIMAL, 0.93),
        "vehicle.jpg": (VEHICLE, 0.60),
    }
    answers = found(demo_detector, *(CAMERA_TRAP / name for name in expected))
    for (best, *_), (category, conf) in zip(answers, expected.values(), strict=True):
        assert best.category == category
        assert best.conf == pytest.approx(conf, abs=0.01)


def test_a_model_is_loaded_from_the_model_folder(demo_model: Path) -> None:
    detector = load_detector(DEMO, demo_model.parent)
    detector.warm_up()
    assert detector.categories == DEMO.categories


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", bytes(1000)])
def test_a_file_that_is_no_graph_is_told_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pb"
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match="not a frozen TensorFlow graph"):
        TensorFlowDetector(path, DEMO.categories)


def graph(path: Path, boxes: Sequence[float], score: float, count: float) -> Path:
    """A graph that finds one and the same thing in every picture, whatever it shows."""
    tf = load_tensorflow()
    v1 = tf.compat.v1
    with tf.Graph().as_default() as made:
        image = v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
        batch = tf.shape(image)[0]
        tf.tile(tf.constant([[boxes, boxes]]), [batch, 1, 1], name="detection_boxes")
        tf.tile(tf.constant([[score, 0.9]]), [batch, 1], name="detection_scores")
        tf.tile(tf.constant([[2.0, 1.0]]), [batch, 1], name="detection_classes")
        tf.tile(tf.constant([count]), [batch], name="num_detections")
    path.write_bytes(made.as_graph_def().SerializeToString())
    return path


def test_rows_after_the_number_of_detections_are_not_detections(tmp_path: Path) -> None:
    path = graph(tmp_path / "one.pb", [0.125, 0.25, 0.625, 1.0], 0.75, 1.0)
    detector = TensorFlowDetector(path, DEMO.categories)
    batch = [np.zeros((4, 4, 3), np.uint8)] * 2
    assert detector.detect(batch) == [[Detection("2", 0.75, (0.25, 0.125, 0.75, 0.5))]] * 2


def test_a_graph_that_gives_no_numbers_fails_its_images(tmp_path: Path) -> None:
    path = graph(tmp_path / "nan.pb", [0.1, 0.2, float("nan"), 1.0], 0.75, 1.0)
    detector = TensorFlowDetector(path, DEMO.categories)
    (result,) = run_pipeline(
        [ListedImage("cat")],
        lambda _: (PHOTOGRAPHS / "chelsea.png").read_bytes(),
        detector,
        PipelineOptions(threshold=0.1),
    )
    assert result.failure == "inference failure: detector_failed"
