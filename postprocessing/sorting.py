"""Which folder an image belongs in, by what was found in it. Pure."""

from collections.abc import Mapping

import msgspec

from core.results.format import ImageResult
from core.results.reader import Results
from postprocessing.categories import ids_of
from postprocessing.thresholds import Threshold

#: Folders of images that are in no category. Failures are never empty: people delete what is.
EMPTY, FAILED, UNCERTAIN = "empty", "failed", "uncertain"


class Sorter(msgspec.Struct, frozen=True, kw_only=True):
    """Sorts by the thresholds of each category."""

    #: Category id to name.
    categories: Mapping[str, str]
    #: Category id to the confidence above which it is there.
    sure: Mapping[str, float]
    #: Category id to the confidence above which it may be there.
    unsure: Mapping[str, float]

    def folder_of(self, image: ImageResult) -> str:
        """`animal`, `animal_person` where several are there, `uncertain`, `empty` or `failed`."""
        if image.failure is not None or image.detections is None:
            return FAILED
        found = image.detections
        there = {one.category for one in found if one.conf > self._of(self.sure, one.category)}
        if there:
            # As the file lists its categories, and not as their names happen to be spelled.
            return "_".join(name for number, name in self._all(there).items() if number in there)
        if any(one.conf > self._of(self.unsure, one.category) for one in found):
            return UNCERTAIN
        return EMPTY

    def _all(self, there: set[str]) -> dict[str, str]:
        return {**self.categories, **{one: one for one in there - self.categories.keys()}}

    def _of(self, thresholds: Mapping[str, float], category: str) -> float:
        # A category that the file does not name counts like the most careful of the others.
        return thresholds.get(category, min(thresholds.values(), default=0.0))


def new_sorter(
    results: Results,
    sure: Threshold,
    unsure: Threshold,
    special: Mapping[str, float],
) -> Sorter:
    """`special`: category name to a threshold of its own.

    Raises InvalidRequest for a category that the file does not have.
    """
    names = results.detection_categories
    ids_of(results, special)
    sures = {number: special.get(name, sure.value) for number, name in names.items()}
    unsures = {number: min(unsure.value, sures[number]) for number in names}
    return Sorter(categories=names, sure=sures, unsure=unsures)
