"""Which group of a preview an image belongs to. Pure."""

import enum
from collections.abc import Mapping

import msgspec

from postprocessing.light import LightImage


class Kind(enum.StrEnum):
    """Kinds of groups, in the order of the preview."""

    FOUND = "found"
    #: What is found in more ways than there are pages for.
    OTHERS = "others"
    ALMOST = "almost"
    EMPTY = "empty"
    #: Against a ground truth: nothing is there, and something was found; and the opposite.
    FALSE_POSITIVE = "false positives"
    FALSE_NEGATIVE = "false negatives"


class Key(msgspec.Struct, frozen=True):
    """A group: what kind it is, and which categories were found."""

    kind: Kind
    names: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """`animal`, `animal and person`, `empty`."""
        if self.kind is Kind.OTHERS:
            return "other combinations"
        return " and ".join(self.names) or str(self.kind)


class Grouper:
    """Groups images by what lies above the thresholds."""

    def __init__(self, categories: Mapping[str, str], threshold: float, almost: float) -> None:
        self._categories = categories
        self._threshold, self._almost = threshold, almost
        self._keys: dict[frozenset[str], Key] = {}

    def key_of(self, image: LightImage) -> Key:
        """The group of an image that did not fail."""
        found = self.above(image, self._threshold)
        if found:
            return self._keys.setdefault(found, Key(Kind.FOUND, self._names(found)))
        return Key(Kind.ALMOST if self.above(image, self._almost) else Kind.EMPTY)

    def above(self, image: LightImage, threshold: float) -> frozenset[str]:
        """Ids of the categories above a threshold."""
        return frozenset(one.category for one in image.detections or () if one.conf > threshold)

    def _names(self, ids: frozenset[str]) -> tuple[str, ...]:
        """In the order of the file's categories, each name once."""
        named = (name for number, name in self._categories.items() if number in ids)
        return tuple(dict.fromkeys([*named, *sorted(ids - self._categories.keys())]))
