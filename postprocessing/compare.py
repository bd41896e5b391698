"""Where two results files agree, image by image, above a threshold for each."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from core.results.reader import Results
from postprocessing.disk import forward
from postprocessing.light import LightImage, light_images
from postprocessing.thresholds import Threshold

#: What is told of an image that failed, and of one with nothing above the threshold.
FAILED, EMPTY = "failed", "empty"

Seen = tuple[str, ...]


class Difference(msgspec.Struct, frozen=True):
    """An image of which the two files do not say the same."""

    file: str
    first: str
    second: str


class Comparison(msgspec.Struct, kw_only=True):
    """What two files say of the images that both have."""

    first_threshold: Threshold
    second_threshold: Threshold
    both: int = 0
    agree: int = 0
    #: How often the first said this and the second said that, such as ("animal", "empty").
    said: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    #: Images of one file alone.
    only_first: list[str] = []
    only_second: list[str] = []
    differences: list[Difference] = []


def compare(
    first: Results, second: Results, first_threshold: Threshold, second_threshold: Threshold
) -> Comparison:
    """Compare which categories each file has above its threshold, in each image.

    Memory grows with the names of the images. Raises InvalidResults.
    """
    comparison = Comparison(first_threshold=first_threshold, second_threshold=second_threshold)
    known = dict(_seen(first, first_threshold.value))
    for file, seen in _seen(second, second_threshold.value):
        before = known.pop(file, None)
        if before is None:
            comparison.only_second.append(file)
        else:
            _count(comparison, file, before, seen)
    comparison.only_first = list(known)
    return comparison


def _count(comparison: Comparison, file: str, first: str, second: str) -> None:
    comparison.both += 1
    comparison.said[first, second] += 1
    if first == second:
        comparison.agree += 1
    else:
        comparison.differences.append(Difference(file, first, second))


def _seen(results: Results, threshold: float) -> Iterator[tuple[str, str]]:
    """Each image, and what is said of it: `animal`, `animal and person`, `empty`, `failed`.

    Names have `/` for each backslash.
    """
    categories = results.detection_categories
    # The same few texts stand for millions of images.
    texts: dict[Seen, str] = {}
    for image in light_images(results):
        seen = _categories(image, threshold, categories)
        yield forward(image.file), texts.setdefault(seen, " and ".join(seen))


def _categories(image: LightImage, threshold: float, categories: dict[str, str]) -> Seen:
    if image.failure is not None:
        return (FAILED,)
    found = {one.category for one in image.detections or () if one.conf > threshold}
    return tuple(sorted(categories.get(one, one) for one in found)) or (EMPTY,)
