"""The classes of several results files as one list: each program numbers them as it likes."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.remap import with_detections

#: The fields of a results file that tell of classes, by their ids.
NAMES, DESCRIPTIONS = "classification_categories", "classification_category_descriptions"


class Classes(msgspec.Struct, frozen=True):
    """One list of classes for several files."""

    #: The two fields above, where any file has them.
    fields: dict[str, dict[str, Any]]
    #: Of each file, in their order: its ids to those of the list, where they are others.
    changed: list[dict[str, str]]

    def renumbered(self, image: ImageResult, file: int) -> ImageResult:
        """An image of the file that stands at this place, with the ids of the list."""
        changed = self.changed[file]
        if not changed or not image.detections:
            return image
        return with_detections(image, [_renumbered(one, changed) for one in image.detections])


def joined(files: Sequence[Results]) -> Classes:
    """Classes of one name and one description are one; an id that is taken gives way."""
    joining = _Joining()
    changed = [joining.add(results) for results in files]
    return Classes(joining.fields, changed)


class _Joining:
    def __init__(self) -> None:
        self._known: dict[tuple[str, Any], str] = {}
        self.fields: dict[str, dict[str, Any]] = {}

    def add(self, results: Results) -> dict[str, str]:
        described: Mapping[str, Any] = results.extra.get(DESCRIPTIONS) or {}
        changed = {}
        for number, name in results.classification_categories.items():
            told = described.get(number)
            new = self._known.get((name, told))
            if new is None:
                new = self._known[name, told] = self._free(number)
                self.fields.setdefault(NAMES, {})[new] = name
                if told is not None:
                    self.fields.setdefault(DESCRIPTIONS, {})[new] = told
            if new != number:
                changed[number] = new
        return changed

    def _free(self, number: str) -> str:
        taken = self.fields.get(NAMES, {})
        if number not in taken:
            return number
        return str(max((int(one) for one in taken if one.isdecimal()), default=-1) + 1)


def _renumbered(detection: Detection, changed: Mapping[str, str]) -> Detection:
    if not detection.classifications:
        return detection
    told = [(changed.get(number, number), conf) for number, conf in detection.classifications]
    return msgspec.structs.replace(detection, classifications=told)
