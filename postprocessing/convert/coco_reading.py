"""Reads a COCO data set as results. Unlike results files it is read whole: boxes stand apart."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.results.format import COORDINATE_DECIMALS, ImageResult
from postprocessing.convert.base import Imported, Notes, Options
from postprocessing.convert.coco import ANNOTATION, IMAGE
from postprocessing.convert.foreign_json import image_of, is_box, list_of, read_object, wrong
from postprocessing.convert.sizes import Size, Sizes

#: An image without animals has an annotation of this category in COCO Camera Traps.
_EMPTY = "empty"
_WHOLE = [0.0, 0.0, 1.0, 1.0]


def read(source: Path, options: Options, notes: Notes) -> Imported:
    """Raises InvalidResults; InvalidRequest where boxes are in pixels of unknown pictures."""
    fields = read_object(source)
    info = fields.get("info")
    told = info.get("results_info") if isinstance(info, dict) else None
    imported = Imported(iter(()), info=told if isinstance(told, dict) else {"detector": "unknown"})
    imported.images = _Reader(source, fields, imported, options, notes).images()
    return imported


class _Reader:
    def __init__(
        self, source: Path, fields: Mapping[str, Any], imported: Imported, options: Options,
        notes: Notes,
    ) -> None:  # fmt: skip
        self._source, self._notes, self._imported = source, notes, imported
        self._sizes = Sizes(options.images)
        self._entries = list_of(source, fields, "images")
        self._names: dict[Any, str] = {}
        for entry in list_of(source, fields, "categories"):
            self._claim(entry)
        self._annotations: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for entry in list_of(source, fields, "annotations"):
            self._annotations[str(entry.get("image_id"))].append(entry)

    def _claim(self, entry: Mapping[str, Any]) -> None:
        number, name = str(entry.get("id")), str(entry.get("name", ""))
        self._names[number] = name
        if number.isdecimal() and name != _EMPTY:
            self._imported.categories.claim(number, name)

    def images(self) -> Iterator[ImageResult]:
        for index, entry in enumerate(self._entries):
            pointer = f"/images/{index}"
            if not isinstance(entry.get("file_name"), str):
                raise wrong(self._source, pointer, "has no `file_name`")
            yield image_of(self._source, pointer, self._image(pointer, entry))
        self._sizes.check()
        left = sum(map(len, self._annotations.values()))
        self._notes.add("annotations of images that are not in the file", left)

    def _image(self, pointer: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        annotations = self._annotations.pop(str(entry.get("id")), [])
        fields = {name: value for name, value in entry.items() if name not in IMAGE}
        fields |= {name: entry[name] for name in ("width", "height") if entry.get(name)}
        if entry.get("date_captured"):
            fields["datetime"] = entry["date_captured"]
        if fields.get("failure") is not None:
            return {**fields, "file": entry["file_name"], "detections": None}
        places = self._placed(annotations)
        found = [one for annotation in places if (one := self._found(entry, annotation))]
        found.sort(key=lambda one: -one["conf"])
        return {**fields, "file": entry["file_name"], "detections": found}

    def _placed(self, annotations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those with a box; the others too, unless one with a box says the same of the image."""
        boxed = {str(one.get("category_id")) for one in annotations if "bbox" in one}
        placed = [
            one for one in annotations if "bbox" in one or str(one.get("category_id")) not in boxed
        ]
        self._notes.add("annotations without a box, beside others", len(annotations) - len(placed))
        return placed

    def _found(
        self, image: Mapping[str, Any], annotation: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        number = str(annotation.get("category_id"))
        name = self._names.get(number, f"category {number}")
        if name == _EMPTY:
            return None
        if "bbox" not in annotation:
            self._notes.add("annotations without a box: the whole picture stands for them")
            return self._detection(name, {**annotation, "bbox": _WHOLE}, (1, 1))
        if not is_box(annotation["bbox"]):
            place = f"/annotations, id {annotation.get('id')}"
            raise wrong(self._source, place, "`bbox` must be four numbers")
        size = self._sizes.of(image["file_name"], image.get("width"), image.get("height"))
        return None if size is None else self._detection(name, annotation, size)

    def _detection(self, name: str, annotation: Mapping[str, Any], size: Size) -> dict[str, Any]:
        if "score" not in annotation:
            self._notes.add("annotations without a `score`: they count as sure (1.0)")
        across, down = size
        sides = zip(annotation["bbox"], (across, down, across, down), strict=True)
        fields = {name: value for name, value in annotation.items() if name not in ANNOTATION}
        if isinstance(told := fields.get("classifications"), list):
            classes = self._imported.classes
            fields["classifications"] = [(classes.id_of(str(one)), conf) for one, conf in told]
        return {
            **fields,
            "category": self._imported.categories.id_of(name),
            "conf": annotation.get("score", 1.0),
            "bbox": [round(side / whole, COORDINATE_DECIMALS) for side, whole in sides],
        }
