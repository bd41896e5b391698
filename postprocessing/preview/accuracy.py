"""How right the detections are, image by image, against a ground truth.

An image counts as found where its best detection scores above the threshold, and it does not
matter where in the picture that lies. So all numbers here are about images, not boxes.
"""

from array import array

import msgspec
import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]

#: Confidences have three decimals; a threshold is told with as many.
_DECIMALS, _STEP = 3, 0.001


class Counts(msgspec.Struct, frozen=True):
    """Images by what is there and what was found, above one threshold."""

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> float | None:
        """The share of what was found that is there; None where nothing was found."""
        found = self.true_positives + self.false_positives
        return self.true_positives / found if found else None

    @property
    def recall(self) -> float | None:
        """The share of what is there that was found; None where nothing is there."""
        there = self.true_positives + self.false_negatives
        return self.true_positives / there if there else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of the two; None where there are neither."""
        of_both = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / of_both if of_both else None


class Curve(msgspec.Struct, frozen=True):
    """Precision and recall when all images that score as much or more count as found."""

    #: From the highest; 0 is that of images without a detection, and is the last if there are any.
    scores: _Floats
    precision: _Floats
    recall: _Floats


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """How right one category is, or all of them together."""

    name: str
    #: Images where it is there, and all that were looked at.
    present: int
    images: int
    at_threshold: Counts
    #: The sum over the curve's points of the gain in recall times the precision, as scikit-learn
    #: defines it; None where nothing is there.
    average_precision: float | None
    target_recall: float
    #: At the highest threshold that reaches the target; None where none does.
    at_target: Counts | None
    curve: Curve | None


class Scores:
    """The best score of each image, and whether something is there."""

    def __init__(self) -> None:
        self._scores = array("d")
        self._present = bytearray()

    def add(self, score: float, present: bool) -> None:
        """`score`: 0 where there is no detection, and for those that were struck out."""
        self._scores.append(max(0.0, score))
        self._present.append(present)

    def measure(self, name: str, threshold: float, target_recall: float) -> Measure:
        scores = np.array(self._scores, float)
        present = np.frombuffer(bytes(self._present), np.bool_)
        curve = _curve(scores, present) if present.any() else None
        target = None if curve is None else _target(curve, target_recall)
        return Measure(
            name=name,
            present=int(present.sum()),
            images=len(scores),
            at_threshold=_counts(scores, present, threshold),
            average_precision=None if curve is None else _average(curve),
            target_recall=target_recall,
            at_target=None if target is None else _counts(scores, present, target),
            curve=curve,
        )


def _counts(scores: _Floats, present: npt.NDArray[np.bool_], threshold: float) -> Counts:
    found = scores > threshold
    right = int((found & present).sum())
    wrong = int(found.sum()) - right
    missed = int(present.sum()) - right
    return Counts(threshold, right, wrong, missed, len(scores) - right - wrong - missed)


def _curve(scores: _Floats, present: npt.NDArray[np.bool_]) -> Curve:
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], np.cumsum(present[order])
    # Images of one score are found together, so a point stands after the last of them.
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    return Curve(ranked[ends], right[ends] / (ends + 1), right[ends] / right[-1])


def _average(curve: Curve) -> float:
    gained = np.diff(curve.recall, prepend=0.0)
    return float((gained * curve.precision).sum())


def _target(curve: Curve, recall: float) -> float | None:
    """The highest threshold, of three decimals where that can be, with this recall above it."""
    reached = int(np.argmax(curve.recall >= recall))
    score = float(curve.scores[reached])
    if score <= 0:  # reached by images without a detection alone
        return None
    below = float(curve.scores[reached + 1]) if reached + 1 < len(curve.scores) else 0.0
    threshold = round(score, _DECIMALS)
    if threshold >= score:
        threshold = round(threshold - _STEP, _DECIMALS)
    return max(threshold, below)
