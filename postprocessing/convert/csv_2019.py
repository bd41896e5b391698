"""The CSV of the first batch service, of April 2019: a row an image, boxes as JSON in a cell.

Columns `image_path,max_confidence,detections`; a detection is `[y_min, x_min, y_max, x_max, conf,
class]`, the class left out before May 2019. Images that failed stood in another file.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.replacing import whole_file
from core.results.format import BBox, Detection, ImageResult
from core.results.reader import Results
from core.results.versions import max_conf
from postprocessing.cells import safe_cell
from postprocessing.convert.base import Categories, Imported, Notes, Options, category_name
from postprocessing.convert.csv_reading import Row, Table

COLUMNS = ("image_path", "max_confidence", "detections")
#: The classes of that time, by which its programs know them.
CLASSES = {"animal": "1", "person": "2", "group": "3", "vehicle": "4"}
_UNTOLD = "unknown"
_UNKNOWN_FIELDS = (
    *("width", "height", "datetime", "latitude", "longitude", "truncated", "meta"),
    *("frame_rate", "frames_processed"),
)


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the table; returns the number of images, those that failed left out."""
    numbers = Categories(CLASSES, 5)
    count = 0
    with whole_file(target) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for image in results.images():
            _note(image, notes)
            if image.detections is None:
                continue
            found = [
                _entry(results, one, numbers) for one in image.detections if options.counts(one)
            ]
            writer.writerow([safe_cell(image.file), max_conf(image), json.dumps(found)])
            count += 1
    for name in numbers.names().values():
        if name not in CLASSES:
            notes.add(f"name `{name}` of a category: only its number is written")
    return count


def _entry(results: Results, detection: Detection, numbers: Categories) -> list[float]:
    x, y, width, height = detection.bbox
    number = int(numbers.id_of(category_name(results, detection)))
    # Ten decimals, so that 0.1 + 0.2 is written as it was meant.
    return [y, x, round(y + height, 10), round(x + width, 10), detection.conf, number]


def _note(image: ImageResult, notes: Notes) -> None:
    if image.failure is not None:
        notes.add("images that failed: the format lists them in another file")
    notes.add_told(image, _UNKNOWN_FIELDS)
    for detection in image.detections or ():
        if detection.classifications:
            notes.add("classifications of detections")
        notes.add_fields(detection.extra, "detections")


def read(table: Table, notes: Notes) -> Imported:
    """The images of a table."""
    imported = Imported(iter(()))
    imported.images = _images(table, imported.categories, notes)
    return imported


def _images(table: Table, categories: Categories, notes: Notes) -> Iterator[ImageResult]:
    names = {int(number): name for name, number in CLASSES.items()}
    for row in table.rows():
        entries = row.json("detections") or []
        if not isinstance(entries, list):
            raise row.wrong("`detections` is no list")
        found = [_detection(row, entry, names, categories, notes) for entry in entries]
        found.sort(key=lambda detection: -detection.conf)
        yield ImageResult(file=row.text("image_path") or "", detections=found)


def _detection(
    row: Row, entry: Any, names: dict[int, str], categories: Categories, notes: Notes
) -> Detection:
    numbers = _numbers(entry)
    if numbers is None:
        raise row.wrong("an entry of `detections` is not five or six numbers")
    y_min, x_min, y_max, x_max, conf, *rest = numbers
    if not rest:
        notes.add(f"detections without a class: they are called `{_UNTOLD}`")
    name = names.get(int(rest[0]), f"category {int(rest[0])}") if rest else _UNTOLD
    box: BBox = (x_min, y_min, round(x_max - x_min, 10), round(y_max - y_min, 10))
    return Detection(categories.id_of(name), conf, box)


def _numbers(entry: Any) -> list[float] | None:
    if not isinstance(entry, list) or len(entry) not in {5, 6}:
        return None
    fine = all(isinstance(one, int | float) and not isinstance(one, bool) for one in entry)
    return [float(one) for one in entry] if fine else None
