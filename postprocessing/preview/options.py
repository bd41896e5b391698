"""What a preview shows."""

from typing import Literal

import msgspec

from core.results.reader import Results
from postprocessing.categories import ids_of
from postprocessing.thresholds import Threshold, conservative, typical

#: How far below the threshold a detection almost counts.
ALMOST = 0.05
#: Pictures of a group, and pixels of the longer side of the large ones.
SAMPLE, SIZE = 100, 1280
TARGET_RECALL = 0.9

Order = Literal["name", "confidence"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a preview shows."""

    #: Detections count above it.
    threshold: Threshold
    #: An image whose best detection lies between the two is an almost.
    almost: Threshold
    #: What is blurred or hidden is so above it: lower than what counts.
    private: Threshold
    #: Images of a group that are shown, at most.
    sample: int = SAMPLE
    #: Another one chooses other images.
    seed: int = 0
    order: Order = "name"
    #: Names of categories.
    blur: frozenset[str] = frozenset()
    hide: frozenset[str] = frozenset()
    #: Pixels of the longer side of a large picture.
    size: int = SIZE
    #: Pictures that are read and drawn at a time.
    threads: int = 8
    #: Against a ground truth: the recall for which a threshold is looked for.
    target_recall: float = TARGET_RECALL

    @property
    def drawn_above(self) -> float:
        """Boxes are drawn above it."""
        return min(self.threshold.value, self.almost.value)


def thresholds(
    results: Results, given: float | None = None, almost: float | None = None
) -> dict[str, Threshold]:
    """The three thresholds of `Options`, those that are not given from the file's detector."""
    above = typical(results, given)
    below = Threshold(round(max(0.0, above.value - ALMOST), 3), f"{ALMOST} below the threshold")
    nearly = below if almost is None else Threshold(almost, "given")
    careful = conservative(results)
    # Whatever is drawn must be hidden too, where it is to be.
    private = min(careful, nearly, above, key=lambda one: one.value)
    return {"threshold": above, "almost": nearly, "private": private}


def check(results: Results, options: Options) -> None:
    """Raises InvalidRequest for a category that the file does not have."""
    ids_of(results, options.blur | options.hide)
