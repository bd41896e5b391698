"""Compares what was found with the ground truth, while the images go by."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from postprocessing.light import LightImage
from postprocessing.preview.accuracy import Measure, Scores
from postprocessing.preview.grouping import Key, Kind
from postprocessing.preview.truth import Label, Truth

#: What all categories together are called.
ANYTHING = "anything"


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """How right the results are."""

    #: All categories together first, then those that the truth knows too.
    measures: list[Measure]
    #: How often people said this and the results said that.
    said: Counter[tuple[str, str]]
    #: Images that were not looked at: nobody says what they show; people could not tell; failed.
    unlabelled: int
    ignored: int
    failed: int


class Judge:
    """Takes note of each image."""

    def __init__(self, truth: Truth, categories: Mapping[str, str], threshold: float) -> None:
        self._truth, self._categories, self._threshold = truth, categories, threshold
        self._anything = Scores()
        self._scores = {name: Scores() for name in categories.values()}
        self._known: set[str] = set()
        self._said: Counter[tuple[str, str]] = Counter()
        self._apart: Counter[str] = Counter()

    def label_of(self, file: str) -> Label | None:
        return self._truth.of(file)

    def add(self, image: LightImage, label: Label | None, key: Key | None) -> Kind | None:
        """Judge one image; which kind of wrong it is, if any. `key` is None where it failed."""
        if label is None or label.present is None or key is None:
            self._apart[_reason(label)] += 1
            return None
        best = self._best(image)
        self._anything.add(max(best.values(), default=0.0), label.present)
        if label.categories is not None:
            self._add_categories(best, label.categories)
        self._said[label.text, "empty" if key.kind is Kind.ALMOST else key.title] += 1
        return _wrong(label.present, max(best.values(), default=0.0) > self._threshold)

    def accuracy(self, target_recall: float) -> Accuracy:
        known = [(name, one) for name, one in self._scores.items() if name in self._known]
        return Accuracy(
            measures=[
                one.measure(name, self._threshold, target_recall)
                for name, one in ((ANYTHING, self._anything), *known)
            ],
            said=self._said,
            unlabelled=self._apart["unlabelled"],
            ignored=self._apart["ignored"],
            failed=self._apart["failed"],
        )

    def _add_categories(self, best: Mapping[str, float], there: frozenset[str]) -> None:
        self._known |= there
        for name, scores in self._scores.items():
            scores.add(best.get(name, 0.0), name in there)

    def _best(self, image: LightImage) -> dict[str, float]:
        """The best score by category name."""
        best: dict[str, float] = {}
        for one in image.detections or ():
            name = self._categories.get(one.category, one.category)
            best[name] = max(one.conf, best.get(name, 0.0))
        return best


def _reason(label: Label | None) -> str:
    if label is None:
        return "unlabelled"
    return "ignored" if label.present is None else "failed"


def _wrong(present: bool, found: bool) -> Kind | None:
    if present == found:
        return None
    return Kind.FALSE_POSITIVE if found else Kind.FALSE_NEGATIVE
