"""The numbers are those of scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from postprocessing.preview.accuracy import Measure, Scores


def measured(
    scores: list[float], present: list[bool], threshold: float = 0.5, target: float = 0.9
) -> Measure:
    all_scores = Scores()
    for score, there in zip(scores, present, strict=True):
        all_scores.add(score, there)
    return all_scores.measure("animal", threshold, target)


def season(seed: int, images: int = 500) -> tuple[list[float], list[bool]]:
    """Scores of three decimals with many ties; a part of the images has no detection."""
    rng = np.random.default_rng(seed)
    present = rng.random(images) < 0.4
    scores = np.clip(rng.normal(0.35 + 0.3 * present, 0.2), 0.1, 1).round(2)
    scores[rng.random(images) < 0.2] = 0.0
    return scores.tolist(), present.tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.61])
def test_precision_recall_and_f1(seed: int, threshold: float) -> None:
    scores, present = season(seed)
    at = measured(scores, present, threshold).at_threshold
    found = [score > threshold for score in scores]
    assert at.precision == pytest.approx(metrics.precision_score(present, found))
    assert at.recall == pytest.approx(metrics.recall_score(present, found))
    assert at.f1 == pytest.approx(metrics.f1_score(present, found))
    counts = [[at.true_negatives, at.false_positives], [at.false_negatives, at.true_positives]]
    assert metrics.confusion_matrix(present, found).tolist() == counts


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_and_the_curve(seed: int) -> None:
    scores, present = season(seed)
    measure = measured(scores, present)
    expected = metrics.average_precision_score(present, scores)
    assert measure.average_precision == pytest.approx(expected)
    precision, recall, thresholds = metrics.precision_recall_curve(present, scores)
    assert measure.curve is not None
    assert measure.curve.scores == pytest.approx(thresholds[::-1])
    assert measure.curve.precision == pytest.approx(precision[-2::-1])
    assert measure.curve.recall == pytest.approx(recall[-2::-1])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("target", [0.5, 0.7])
def test_the_threshold_for_a_recall_is_the_highest(seed: int, target: float) -> None:
    scores, present = season(seed)
    measure = measured(scores, present, target=target)
    _, recall, thresholds = metrics.precision_recall_curve(present, scores)
    score = max(thresholds[recall[:-1] >= target])
    assert measure.at_target is not None
    assert measure.at_target.threshold == pytest.approx(score - 0.001)
    assert measure.at_target.recall is not None
    assert measure.at_target.recall >= target
    one_higher = measured(scores, present, threshold=score).at_threshold.recall
    assert one_higher is not None
    assert one_higher < target


def test_a_threshold_between_scores_of_more_decimals_lies_between_them() -> None:
    measure = measured([0.70004, 0.70001, 0.7], [True, True, False], target=0.5)
    assert measure.at_target is not None
    assert 0.70001 <= measure.at_target.threshold < 0.70004
    assert measure.at_target.recall == 0.5


def test_a_recall_that_no_threshold_gives() -> None:
    assert measured([0.9, 0.0], [True, True], target=0.9).at_target is None
    assert measured([0.9, 0.001], [True, True], target=0.9).at_target is not None


def test_what_was_struck_out_counts_as_not_found() -> None:
    struck, without = measured([-0.9, 0.8], [True, True]), measured([0.0, 0.8], [True, True])
    assert struck.average_precision == without.average_precision


def test_nothing_found_and_nothing_there() -> None:
    empty = measured([0.1, 0.2], [False, False])
    assert (empty.average_precision, empty.curve, empty.at_target) == (None, None, None)
    at = empty.at_threshold
    assert (at.precision, at.recall, at.f1) == (None, None, None)
    assert measured([], []).images == 0
