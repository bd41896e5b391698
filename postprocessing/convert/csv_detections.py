"""A table with a row for each detection, and one for each image that has none or failed."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.cells import safe_cell
from postprocessing.convert.base import Categories, Imported, Notes, Options, category_name
from postprocessing.convert.cells import folders, time_cells
from postprocessing.convert.csv_images import AFTER, after_cells, save_table
from postprocessing.convert.csv_reading import Row, Table, about_image

_TIME = ("datetime", "date", "time")
_BOX = ("x_min", "y_min", "box_width", "box_height")
_DETECTION = (
    *("category", "category_id", "conf", *_BOX),
    *("class", "class_conf", "classifications", "frame_number"),
)
_NO_DETECTION = [""] * len(_DETECTION)


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the table; returns the number of images."""
    rows = _Rows(results, options, notes)
    save_table(target, rows.header(), rows.of(results.images()))
    return rows.images


class _Rows:
    def __init__(self, results: Results, options: Options, notes: Notes) -> None:
        self._results, self._options, self._notes = results, options, notes
        self._classes = results.classification_categories
        self.images = 0

    def header(self) -> list[str]:
        numbered = [f"folder_{number + 1}" for number in range(self._options.folder_columns)]
        return ["file", *numbered, *_TIME, "status", *_DETECTION, *AFTER, "frame_rate"]

    def of(self, images: Iterable[ImageResult]) -> Iterator[list[Any]]:
        for image in images:
            self.images += 1
            self._note(image)
            place = [safe_cell(image.file), *folders(image.file, self._options.folder_columns)]
            before = [*place, *time_cells(image.datetime)]
            after = [*after_cells(image), image.frame_rate]
            for found in self._found(image):
                yield [*before, *found, *after]

    def _found(self, image: ImageResult) -> Iterator[list[Any]]:
        if image.detections is None:
            yield ["failed", *_NO_DETECTION]
            return
        counted = [one for one in image.detections if self._options.counts(one)]
        if not counted:
            yield ["empty", *_NO_DETECTION]
        for detection in counted:
            yield ["detection", *self._detection(detection)]

    def _detection(self, detection: Detection) -> list[Any]:
        classes = detection.classifications
        named: list[tuple[str, float]] = [
            (self._classes.get(number, number), conf) for number, conf in classes or ()
        ]
        return [
            safe_cell(category_name(self._results, detection)),
            *(safe_cell(detection.category), detection.conf, *detection.bbox),
            *((safe_cell(named[0][0]), named[0][1]) if named else ("", "")),
            None if classes is None else msgspec.json.encode(named).decode(),
            detection.frame_number,
        ]

    def _note(self, image: ImageResult) -> None:
        if image.extra:
            self._notes.add_fields(image.extra, "images")
        if image.frames_processed is not None:
            self._notes.add("field `frames_processed` of videos")
        for detection in image.detections or ():
            if detection.extra:
                self._notes.add_fields(detection.extra, "detections")


def read(table: Table, notes: Notes) -> Imported:
    """The images of a table, in the order of their first rows.

    Raises InvalidResults where the rows of one image do not stand together.
    """
    imported = Imported(iter(()), info={"detector": "unknown"})
    imported.images = _images(table, imported.categories, imported.classes)
    return imported


def _images(table: Table, categories: Categories, classes: Categories) -> Iterator[ImageResult]:
    seen: set[str] = set()
    for name, group in groupby(table.rows(), key=lambda row: row.text("file") or ""):
        rows = list(group)
        if name in seen:
            raise rows[0].wrong(f"{name} stands apart from its other rows; sort the table by file")
        seen.add(name)
        if rows[0].text("status") == "failed":
            failure = rows[0].text("failure") or "failed"
            yield about_image(rows[0], None, failure=failure, extra=rows[0].unknown())
            continue
        found = [row for row in rows if row.text("status") == "detection"]
        extra = None if found else rows[0].unknown()
        detections = [_detection(row, categories, classes) for row in found]
        yield about_image(rows[0], detections, extra=extra)


def _detection(row: Row, categories: Categories, classes: Categories) -> Detection:
    name, number = row.text("category"), row.text("category_id")
    if name is None:
        raise row.wrong("`category` is empty")
    if number is not None:
        categories.claim(number, name)
    told = row.json("classifications")
    x, y, width, height = (_needed(row, side) for side in _BOX)
    return Detection(
        category=categories.id_of(name) if number is None else number,
        conf=_needed(row, "conf"),
        bbox=(x, y, width, height),
        classifications=None if told is None else _classifications(row, told, classes),
        frame_number=row.whole("frame_number"),
        extra=row.unknown(),
    )


def _needed(row: Row, name: str) -> float:
    number = row.number(name)
    if number is None:
        raise row.wrong(f"`{name}` is empty")
    return number


def _classifications(row: Row, told: Any, classes: Categories) -> list[tuple[str, float]]:
    try:
        pairs = msgspec.convert(told, list[tuple[str, float]])
    except msgspec.ValidationError as error:
        raise row.wrong("`classifications` is no list of names and confidences") from error
    return [(classes.id_of(name), conf) for name, conf in pairs]
