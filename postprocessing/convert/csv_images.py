"""A table with a row for each image: what was found, how often, how sure."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.replacing import whole_file
from core.results.format import BBox, Detection, ImageResult
from core.results.reader import Results
from postprocessing.cells import safe_cell
from postprocessing.convert.base import Categories, Imported, Notes, Options
from postprocessing.convert.cells import folders, time_cells
from postprocessing.convert.csv_reading import Row, Table, about_image

#: The columns that every table of images begins and ends with, the folders' left out.
_TIME = ("datetime", "date", "time")
_FOUND = ("status", "found", "max_conf")
AFTER = ("failure", "width", "height", "latitude", "longitude", "truncated", "meta")

_COUNT, _CONF = "count_", "conf_"
_WHOLE_PICTURE: BBox = (0.0, 0.0, 1.0, 1.0)


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the table; returns the number of images."""
    rows = _Rows(results, options, notes)
    save_table(target, rows.header(), rows.of(results.images()))
    return rows.images


def save_table(target: Path, header: list[str], rows: Iterable[list[Any]]) -> None:
    """A table of values separated by commas, whole or not at all."""
    with whole_file(target) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


class _Rows:
    def __init__(self, results: Results, options: Options, notes: Notes) -> None:
        self._options, self._notes = options, notes
        self._categories = results.detection_categories
        self._classes = results.classification_categories
        self._names = list(dict.fromkeys(self._categories.values()))
        self._above = options.threshold.value if options.threshold else 0.0
        classes = ["", ""] if self._classes else []
        self._failed: list[Any] = ["failed", "", "", *["", ""] * len(self._names), *classes]
        self._none: list[Any] = ["empty", "", "", *[0, ""] * len(self._names), *classes]
        self._boxes = self.images = 0

    def header(self) -> list[str]:
        numbered = [f"folder_{number + 1}" for number in range(self._options.folder_columns)]
        found = [f"{kind}{name}" for name in self._names for kind in (_COUNT, _CONF)]
        classes = ["class", "class_conf"] if self._classes else []
        return ["file", *numbered, *_TIME, *_FOUND, *found, *classes, *AFTER]

    def of(self, images: Iterable[ImageResult]) -> Iterator[list[Any]]:
        # A million times: what most images have in common is not computed for each.
        columns = self._options.folder_columns
        for image in images:
            self.images += 1
            if image.extra is not None or image.frame_rate is not None:
                self._note(image)
            name, found = image.file, image.detections
            cells = self._found(found) if found else (self._failed if found is None else self._none)
            place, time = folders(name, columns), time_cells(image.datetime)
            yield [safe_cell(name), *place, *time, *cells, *after_cells(image)]
        self._notes.add("boxes of detections: --to csv-detections has them", self._boxes)

    def _note(self, image: ImageResult) -> None:
        self._notes.add_fields(image.extra, "images")
        if image.frame_rate is not None:
            self._notes.add("videos, of which frames are not told")

    def _found(self, detections: Sequence[Detection]) -> list[Any]:
        self._boxes += len(detections)
        counts, best = dict.fromkeys(self._names, 0), dict.fromkeys(self._names, 0.0)
        for detection in detections:
            self._count(detection, counts, best)
        seen = [name for name in self._names if counts[name]]
        top = max(best.values(), default=0.0)
        cells: list[Any] = [
            cell for name in self._names for cell in (counts[name], best[name] or "")
        ]
        status = ["found" if seen else "empty", safe_cell("+".join(seen)), top or ""]
        return [*status, *cells, *(self._class(detections) if self._classes else ())]

    def _count(self, detection: Detection, counts: dict[str, int], best: dict[str, float]) -> None:
        name = self._categories.get(detection.category)
        if name is None:
            self._notes.add("detections of categories that the file does not name")
        elif detection.conf < 0:
            self._notes.add("detections struck out as repeated")
        else:
            best[name] = max(best[name], detection.conf)
            counts[name] += detection.conf > self._above

    def _class(self, detections: Iterable[Detection]) -> list[Any]:
        """The surest class of the detections that count."""
        told = [
            pair
            for detection in detections
            if detection.conf > self._above
            for pair in detection.classifications or ()
        ]
        if not told:
            return ["", ""]
        number, conf = max(told, key=lambda pair: pair[1])
        return [safe_cell(self._classes.get(number, number)), conf]


def after_cells(image: ImageResult) -> tuple[Any, ...]:
    """The cells of `AFTER`; None becomes an empty one."""
    failure, meta = image.failure, image.meta
    return (
        None if failure is None else safe_cell(failure),
        *(image.width, image.height, image.latitude, image.longitude),
        "yes" if image.truncated else None,
        None if meta is None else safe_cell(meta),
    )


def read(table: Table, notes: Notes) -> Imported:
    """The images of a table; of detections it tells the best of each category alone."""
    categories = [name.removeprefix(_CONF) for name in table.columns if name.startswith(_CONF)]
    imported = Imported(iter(()), info={"detector": "unknown"})
    imported.images = _images(table, categories, imported.categories, notes)
    return imported


def _images(
    table: Table, names: list[str], categories: Categories, notes: Notes
) -> Iterator[ImageResult]:
    for name in names:
        categories.id_of(name)
    for row in table.rows():
        status = row.text("status")
        if status == "failed":
            failure = row.text("failure") or "failed"
            yield about_image(row, None, failure=failure, extra=row.unknown())
            continue
        found = list(_detections(row, names, categories, notes))
        found.sort(key=lambda detection: -detection.conf)
        yield about_image(row, found, extra=row.unknown())


def _detections(
    row: Row, names: list[str], categories: Categories, notes: Notes
) -> Iterator[Detection]:
    for name in names:
        conf, count = row.number(f"{_CONF}{name}"), row.whole(f"{_COUNT}{name}") or 0
        if conf is None:
            continue
        notes.add("boxes that the table does not tell: the whole picture stands for them")
        notes.add("further detections in an image: the table tells the surest", max(0, count - 1))
        yield Detection(categories.id_of(name), conf, _WHOLE_PICTURE)
