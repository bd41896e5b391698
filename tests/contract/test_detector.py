"""What every detector promises; whatever runs a model must pass."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from core.results.format import Detection
from detection.detector import Detector, RgbImage
from tests.hash_detector import HashDetector
from tests.pictures import scene


@pytest.fixture(scope="module", params=["hash", "tensorflow"])
def detector(request: pytest.FixtureRequest) -> Detector:
    if request.param == "hash":
        return HashDetector()
    found: Detector = request.getfixturevalue("demo_detector")
    return found


@pytest.fixture(scope="module")
def pictures() -> list[RgbImage]:
    return [scene(seed, 160, 120) for seed in range(5)]


def near(one: list[Detection], other: list[Detection]) -> bool:
    """Whether two answers agree, but for the last bits that the size of a batch may change."""
    return [found.category for found in one] == [found.category for found in other] and all(
        np.allclose((a.conf, *a.bbox), (b.conf, *b.bbox), atol=1e-4)
        for a, b in zip(one, other, strict=True)
    )


def test_it_warms_up(detector: Detector) -> None:
    detector.warm_up()


def test_an_empty_batch_has_no_answers(detector: Detector) -> None:
    assert detector.detect([]) == []


@pytest.mark.parametrize("size", [1, 2, 5])
def test_as_many_lists_as_images_in_their_order(
    detector: Detector, pictures: list[RgbImage], size: int
) -> None:
    answers = detector.detect(pictures[:size])
    alone = [detector.detect([pixels])[0] for pixels in pictures[:size]]
    assert len(answers) == size
    assert all(map(near, answers, alone))
    assert any(alone)  # nothing found in all of them would prove nothing


def test_the_order_of_a_batch_is_the_order_of_answers(
    detector: Detector, pictures: list[RgbImage]
) -> None:
    answers = detector.detect(pictures)
    backwards = detector.detect(pictures[::-1])
    assert all(map(near, answers, backwards[::-1]))
    assert not near(answers[0], answers[-1])


def test_numbers_are_finite_and_relative(detector: Detector, pictures: list[RgbImage]) -> None:
    for found in (one for answer in detector.detect(pictures) for one in answer):
        x, y, width, height = found.bbox
        assert all(map(math.isfinite, found.bbox))
        assert 0 <= found.conf <= 1
        assert min(x, y, width, height) >= 0
        assert max(x + width, y + height) <= 1 + 1e-6


def test_categories_are_ids_of_the_model(detector: Detector, pictures: list[RgbImage]) -> None:
    found = {one.category for answer in detector.detect(pictures) for one in answer}
    assert found
    assert found <= detector.categories.keys()


def test_the_same_picture_has_the_same_answer(detector: Detector, pictures: list[RgbImage]) -> None:
    assert detector.detect([pictures[0]]) == detector.detect([pictures[0]])


def test_several_threads_may_ask_at_once(detector: Detector, pictures: list[RgbImage]) -> None:
    alone = [detector.detect([pixels]) for pixels in pictures]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda pixels: detector.detect([pixels]), pictures))
    assert together == alone


def test_pictures_of_one_pixel_are_answered(detector: Detector) -> None:
    assert len(detector.detect([np.zeros((1, 1, 3), np.uint8)])) == 1
