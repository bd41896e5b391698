"""Asks the detector, and holds it to its contract: one bad image never spoils its batch."""

import logging
from collections.abc import Mapping, Sequence

from core.errors import DetectorBroken, DetectorError
from core.failures import FailureCode, ImageFailure
from core.results.format import Detection, rounded
from detection.detector import Detector, RgbImage

_FAILED = ImageFailure(FailureCode.DETECTOR_FAILED)
_log = logging.getLogger(__name__)

#: The detections of one image, or the failure of the detector on this image alone.
Answer = list[Detection] | ImageFailure


def detect_each(detector: Detector, batch: Sequence[RgbImage]) -> list[Answer]:
    """One answer an image of a batch.

    Where the detector fails on a batch, its halves are tried, so that a batch that is too much for
    the memory of a GPU becomes batches that are not, and only images that fail alone have failed.
    Raises DetectorBroken when the detector no longer answers even its warm-up, and DetectorError
    when it breaks its contract.
    """
    if not batch:
        return []
    answers = _detect_halving(detector, batch)
    if _FAILED in answers:
        _check_alive(detector)
    return answers


def _detect_halving(detector: Detector, batch: Sequence[RgbImage]) -> list[Answer]:
    try:
        return list(_detect(detector, batch))
    except DetectorError:
        raise
    except Exception as error:  # a detector may raise anything
        shape, kind = batch[0].shape, type(error).__name__
        _log.warning("the detector failed on %d images of %s: %s", len(batch), shape, kind)
    half = len(batch) // 2
    if not half:
        return [_FAILED]
    return [*_detect_halving(detector, batch[:half]), *_detect_halving(detector, batch[half:])]


def _check_alive(detector: Detector) -> None:
    """Tell a bad image from a detector that has lost its device or its memory."""
    try:
        detector.warm_up()
    except Exception as error:
        raise DetectorBroken(
            f"The detector no longer works ({type(error).__name__}); it must be loaded anew."
        ) from error


def _detect(detector: Detector, batch: Sequence[RgbImage]) -> list[list[Detection]]:
    answers = detector.detect(batch)
    if len(answers) != len(batch):
        raise DetectorError(
            f"The detector broke its contract: {len(answers)} lists for {len(batch)} images."
        )
    return answers


def written_detections(
    detections: Sequence[Detection], threshold: float, categories: Mapping[str, str]
) -> list[Detection] | ImageFailure:
    """The detections as they stand in a results file: rounded, in falling order of confidence.

    Each one's written confidence is strictly above `threshold`, and each box lies within the
    picture. An answer with a number that is not finite is no answer, but a failure of the detector
    on this image. Raises DetectorError for a category that the model does not have.
    """
    try:
        written = [rounded(detection) for detection in detections]
    except ValueError:
        return _FAILED
    kept = [_clamped(detection) for detection in written if detection.conf > threshold]
    for detection in kept:
        if detection.category not in categories:
            raise DetectorError(
                f"The detector returned category {detection.category!r}, which its model does not "
                f"have. Is this the file of another model?"
            )
    return sorted(kept, key=lambda detection: -detection.conf)


def _clamped(detection: Detection) -> Detection:
    """The detection with its confidence and box within 0..1."""
    x, y, width, height = detection.bbox
    left, top = _unit(x), _unit(y)
    right, bottom = max(left, _unit(x + width)), max(top, _unit(y + height))
    box = (left, top, right - left, bottom - top)
    return rounded(Detection(detection.category, _unit(detection.conf), box))


def _unit(number: float) -> float:
    return min(1.0, max(0.0, number))
