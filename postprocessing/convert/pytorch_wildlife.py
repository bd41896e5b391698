"""Reads PytorchWildlife's own JSON as results: boxes in pixels, corner to corner.

Its JSON for Timelapse is a results file as it is.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.results.format import CONF_DECIMALS, COORDINATE_DECIMALS, Detection, ImageResult
from postprocessing.convert.base import Imported, Notes, Options
from postprocessing.convert.foreign_json import is_box, list_of, read_object, wrong
from postprocessing.convert.sizes import Size, Sizes

#: Names of the lists of an entry, and of the categories beside it: of detections alone, and of
#: detections with classes.
_ALONE = ("category", "confidence", "categories")
_WITH_CLASSES = ("det_category", "det_confidence", "det_categories")


def read(source: Path, options: Options, notes: Notes) -> Imported:
    """Raises InvalidResults; InvalidRequest where the sizes of the pictures are not known."""
    fields = read_object(source)
    entries = list_of(source, fields, "annotations")
    imported = Imported(iter(()), info={"detector": "unknown (PytorchWildlife)"})
    reader = _Reader(source, fields, imported, notes)
    imported.images = reader.images(entries, Sizes(options.images))
    return imported


class _Reader:
    def __init__(
        self, source: Path, fields: Mapping[str, Any], imported: Imported, notes: Notes
    ) -> None:
        self._source, self._imported, self._notes = source, imported, notes
        self._lists = _WITH_CLASSES if _WITH_CLASSES[2] in fields else _ALONE
        self._names = _names(fields.get(self._lists[2]))
        self._class_names = _names(fields.get("clf_categories"))

    def images(self, entries: list[dict[str, Any]], sizes: Sizes) -> Iterator[ImageResult]:
        for index, entry in enumerate(entries):
            pointer = f"/annotations/{index}"
            name = entry.get("img_id")
            if not isinstance(name, str):
                raise wrong(self._source, pointer, "has no `img_id`")
            found = self._zipped(pointer, entry)
            size = sizes.of(name, None, None) if found else (1, 1)
            if size is not None:
                yield ImageResult(file=name, detections=self._detections(entry, found, size))
        sizes.check()
        self._notes.add("images that EXIF turns: look at their boxes, PytorchWildlife may "
                        "have seen them lying", sizes.turned)  # fmt: skip

    def _zipped(self, pointer: str, entry: Mapping[str, Any]) -> list[tuple[Any, Any, Any]]:
        """Box, category and confidence of each detection."""
        lists = [entry.get(name) for name in ("bbox", *self._lists[:2])]
        if not all(isinstance(one, list) for one in lists):
            raise wrong(self._source, pointer, "lacks a list of boxes, categories or confidences")
        boxes, categories, confidences = (list(one or ()) for one in lists)
        if not len(boxes) == len(categories) == len(confidences):
            raise wrong(self._source, pointer, "has lists of different lengths")
        if not all(map(is_box, boxes)) or not all(isinstance(c, int | float) for c in confidences):
            raise wrong(self._source, pointer, "a box is four numbers, and a confidence is one")
        return list(zip(boxes, categories, confidences, strict=True))

    def _detections(
        self, entry: Mapping[str, Any], found: list[tuple[Any, Any, Any]], size: Size
    ) -> list[Detection]:
        classes = self._classes(entry, len(found))
        detections = [
            Detection(
                self._imported.categories.id_of(self._names.get(str(one), f"category {one}")),
                round(float(conf), CONF_DECIMALS),
                _relative(box, size),
                told,
            )
            for (box, one, conf), told in zip(found, classes, strict=True)
        ]
        return sorted(detections, key=lambda detection: -detection.conf)

    def _classes(
        self, entry: Mapping[str, Any], count: int
    ) -> list[list[tuple[str, float]] | None]:
        """The class of each detection; it is told only where each detection has one."""
        numbers, scores = entry.get("clf_category"), entry.get("clf_confidence")
        if not isinstance(numbers, list) or not isinstance(scores, list):
            return [None] * count
        if not count == len(numbers) == len(scores):
            self._notes.add("classes that belong to some detections only, and not told to which",
                            len(numbers))  # fmt: skip
            return [None] * count
        named = [self._class_names.get(str(one), f"class {one}") for one in numbers]
        ids = map(self._imported.classes.id_of, named)
        return [[(one, float(score))] for one, score in zip(ids, scores, strict=True)]


def _names(categories: object) -> dict[str, str]:
    """Number, as text, to name."""
    if not isinstance(categories, dict):
        return {}
    return {str(number): str(name) for number, name in categories.items()}


def _relative(box: list[float], size: Size) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    sides = (left / size[0], top / size[1], (right - left) / size[0], (bottom - top) / size[1])
    x, y, width, height = (round(side, COORDINATE_DECIMALS) for side in sides)
    return x, y, width, height
