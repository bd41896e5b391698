from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalog import DEMO
from core.errors import DetectorBroken, DetectorError
from core.failures import FailureCode, ImageFailure
from core.results.format import Detection
from detection.answers import detect_each, written_detections
from detection.detector import RgbImage
from tests.hash_detector import HashDetector
from tests.pictures import scene

FAILED = ImageFailure(FailureCode.DETECTOR_FAILED)


class BrittleDetector(HashDetector):
    """Cannot stand pictures whose first byte is in `poison`; `dead` once its device is lost."""

    def __init__(self, poison: Sequence[int] = (), *, dead: bool = False) -> None:
        self.poison, self.dead, self.sizes = set(poison), dead, list[int]()

    def warm_up(self) -> None:
        if self.dead:
            raise MemoryError("out of device memory")

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        self.sizes.append(len(batch))
        if self.dead or any(int(pixels[0, 0, 0]) in self.poison for pixels in batch):
            raise ValueError("cannot take this")
        return super().detect(batch)


def numbered(count: int) -> list[RgbImage]:
    """Pictures whose first byte is their number."""
    pictures = [scene(number) for number in range(count)]
    for number, pixels in enumerate(pictures):
        pixels[0, 0, 0] = number
    return pictures


def test_a_batch_is_one_call() -> None:
    detector, batch = BrittleDetector(), numbered(4)
    assert detect_each(detector, batch) == HashDetector().detect(batch)
    assert detector.sizes == [4]


def test_nothing_is_asked_for_no_images() -> None:
    detector = BrittleDetector()
    assert detect_each(detector, []) == []
    assert detector.sizes == []


def test_a_bad_image_does_not_fail_its_neighbours() -> None:
    detector, batch = BrittleDetector([1]), numbered(3)
    good = HashDetector().detect(batch)
    assert detect_each(detector, batch) == [good[0], FAILED, good[2]]
    assert detector.sizes == [3, 1, 2, 1, 1]


def test_a_batch_of_bad_images_is_not_a_broken_detector() -> None:
    assert detect_each(BrittleDetector([0, 1]), numbered(2)) == [FAILED, FAILED]
    assert detect_each(BrittleDetector([0]), numbered(1)) == [FAILED]


def test_a_batch_that_is_too_large_is_halved_until_it_fits() -> None:
    class SmallDetector(BrittleDetector):
        def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
            if len(batch) > 2:
                self.sizes.append(len(batch))
                raise MemoryError
            return super().detect(batch)

    detector, batch = SmallDetector(), numbered(8)
    assert detect_each(detector, batch) == HashDetector().detect(batch)
    assert detector.sizes == [8, 4, 2, 2, 4, 2, 2]


def test_a_lost_device_is_an_error_and_no_failure_of_images() -> None:
    with pytest.raises(DetectorBroken, match="no longer works"):
        detect_each(BrittleDetector(dead=True), numbered(2))


@pytest.mark.parametrize("answers", [0, 1, 3])
def test_a_wrong_number_of_answers_breaks_the_contract(answers: int) -> None:
    class Miscounting(HashDetector):
        def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
            return [[]] * answers

    with pytest.raises(DetectorError, match=f"{answers} lists for 2 images"):
        detect_each(Miscounting(), numbered(2))


def found(conf: float, *box: float, category: str = "1") -> Detection:
    x, y, width, height = box or (0.1, 0.2, 0.3, 0.4)
    return Detection(category, conf, (x, y, width, height))


def written(*detections: Detection, threshold: float = 0.1) -> list[Detection]:
    answer = written_detections(detections, threshold, DEMO.categories)
    assert isinstance(answer, list)
    return answer


def test_the_threshold_is_strict_on_what_is_written() -> None:
    confs = [0.1, float(np.float32(0.1)), 0.1004, 0.1006, 0.5]
    assert [one.conf for one in written(*map(found, confs))] == [0.5, 0.101]


def test_the_best_stand_first_and_equals_keep_their_order() -> None:
    given_ = [found(0.3), found(0.9, category="2"), found(0.3, category="3"), found(0.9)]
    assert [(one.conf, one.category) for one in written(*given_)] == [
        (0.9, "2"),
        (0.9, "1"),
        (0.3, "1"),
        (0.3, "3"),
    ]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.12345678, 0.2, 0.3, 0.4), (0.1235, 0.2, 0.3, 0.4)),
        ((-0.1, -0.2, 0.5, 0.5), (0.0, 0.0, 0.4, 0.3)),
        ((0.9, 0.8, 0.5, 0.5), (0.9, 0.8, 0.1, 0.2)),
        ((1.5, 0.1, 0.1, 0.1), (1.0, 0.1, 0.0, 0.1)),
        ((0.5, 0.5, -0.2, 0.1), (0.5, 0.5, 0.0, 0.1)),
    ],
)
def test_boxes_are_rounded_and_lie_within_the_picture(
    box: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    assert written(found(0.5, *box))[0].bbox == expected


def test_a_confidence_above_one_is_one() -> None:
    assert written(found(1.0000001), found(1.2))[0].conf == 1.0


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("conf_too", [True, False])
def test_a_number_that_is_not_finite_is_a_failure(number: float, conf_too: bool) -> None:
    bad = found(number) if conf_too else found(0.5, 0.1, number, 0.1, 0.1)
    assert written_detections([found(0.9), bad], 0.1, DEMO.categories) == FAILED


def test_a_category_of_another_model_is_an_error() -> None:
    with pytest.raises(DetectorError, match="'7'"):
        written(found(0.9, category="7"))
    assert written(found(0.05, category="7")) == []


numbers = st.floats(-1, 2)


@given(st.lists(st.builds(found, numbers, numbers, numbers, numbers, numbers)))
def test_whatever_is_written_can_be_read(detections: list[Detection]) -> None:
    answer = written(*detections, threshold=0.0)
    assert len(answer) == sum(round(one.conf, 3) > 0 for one in detections)
    assert [one.conf for one in answer] == sorted((one.conf for one in answer), reverse=True)
    for one in answer:
        x, y, width, height = one.bbox
        assert 0 < one.conf <= 1
        assert all(0 <= side <= 1 for side in one.bbox)
        assert x + width <= 1 + 1e-9
        assert y + height <= 1 + 1e-9
