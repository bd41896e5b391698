"""Looks at all images once: counts them by group, and chooses those that are shown."""

from collections.abc import Iterator

import msgspec

from core.results.format import ImageResult, decode_image
from core.results.reader import Results
from postprocessing.categories import ids_of
from postprocessing.light import LightImage, light_images
from postprocessing.preview.failures import FailureList
from postprocessing.preview.grouping import Grouper, Key, Kind
from postprocessing.preview.judging import Judge
from postprocessing.preview.options import Options
from postprocessing.preview.sampling import Sample
from postprocessing.preview.truth import Label

#: Groups; what is found in further combinations is one group.
MOST_GROUPS = 60

_KINDS = list(Kind)


class Group(msgspec.Struct):
    """Images of one kind."""

    key: Key
    sample: Sample
    images: int = 0
    #: Images that are not shown, for what people must not see in them.
    hidden: int = 0


class Survey:
    """What a results file holds, group by group."""

    def __init__(
        self, results: Results, options: Options, failures: FailureList, judge: Judge | None = None
    ) -> None:
        self.images = 0
        self.failures, self.judge = failures, judge
        self._results, self._options = results, options
        above, almost = options.threshold.value, options.almost.value
        self._grouper = Grouper(results.detection_categories, above, almost)
        self._privacy = _Privacy(results, options, self._grouper)
        self._groups: dict[Key, Group] = {}

    def run(self) -> None:
        """Raises InvalidResults, naming the place."""
        for index, image in enumerate(light_images(self._results)):
            self.images += 1
            self._add(index, image)

    def groups(self) -> list[Group]:
        """In the order of the preview: single categories before combinations, as in the file."""
        names = list(self._results.detection_categories.values())

        def place(group: Group) -> tuple[int, int, list[int]]:
            key = group.key
            known = [names.index(name) if name in names else len(names) for name in key.names]
            return _KINDS.index(key.kind), len(key.names), known

        return sorted(self._groups.values(), key=place)

    def _add(self, index: int, image: LightImage) -> None:
        label = None if self.judge is None else self.judge.label_of(image.file)
        key = None if image.failure is not None else self._grouper.key_of(image)
        wrong = None if self.judge is None else self.judge.add(image, label, key)
        if image.failure is not None:
            self.failures.add(image.file, image.failure)
        for one in (key, None if wrong is None else Key(wrong)):
            if one is not None:
                self._offer(index, image, label, self._group(one))

    def _offer(self, index: int, image: LightImage, label: Label | None, group: Group) -> None:
        group.images += 1
        if self._privacy.hides(image, label):
            group.hidden += 1
        else:
            group.sample.offer(index, image.file)

    def _group(self, key: Key) -> Group:
        if key not in self._groups:
            if key.kind is Kind.FOUND and len(self._groups) >= MOST_GROUPS:
                key = Key(Kind.OTHERS)
            new = Group(key, Sample(self._options.sample, self._options.seed))
            self._groups.setdefault(key, new)
        return self._groups[key]


class _Privacy:
    """Which images are not shown at all."""

    def __init__(self, results: Results, options: Options, grouper: Grouper) -> None:
        self._grouper, self._above = grouper, options.private.value
        self._hide, self._blur = ids_of(results, options.hide), ids_of(results, options.blur)
        self._hidden_names = frozenset(name.casefold() for name in options.hide)
        self._blurred_names = frozenset(name.casefold() for name in options.blur)

    def hides(self, image: LightImage, label: Label | None) -> bool:
        if not (self._hide or self._blur):
            return False
        # Those that were struck out too: a person may sit at one place for long.
        found = {one.category for one in image.detections or () if abs(one.conf) > self._above}
        if found & self._hide:
            return True
        there = _names(label)
        # What people saw and the detector did not cannot be blurred.
        return bool(
            there & self._hidden_names or (there & self._blurred_names and not found & self._blur)
        )


def _names(label: Label | None) -> frozenset[str]:
    if label is None:
        return frozenset()
    return frozenset(name.casefold() for name in (*label.names, *(label.categories or ())))


def chosen_images(results: Results, indices: frozenset[int]) -> Iterator[tuple[int, ImageResult]]:
    """The images that stand at these places, whole. Raises InvalidResults, naming the place."""
    decode = results.decoding(decode_image)
    for raw in results.layout.raw_images():
        if raw.index in indices:
            yield raw.index, decode(raw)
