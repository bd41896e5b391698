"""YOLO: a text file of labels for each image, in a folder of its own.

    classes.txt     a name a line, the first is class 0
    images.csv      which label file belongs to which image, and which images failed
    labels/...txt   `class x_centre y_centre width height` a line, in parts of the picture

An image that is empty has an empty label file; one that failed has none.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.cells import safe_cell
from postprocessing.convert.base import Notes, Options
from postprocessing.convert.csv_images import AFTER, after_cells
from postprocessing.convert.places import Places, is_named_like, part_folder

LABELS, CLASSES, RECORD = "labels", "classes.txt", "images.csv"
_DECIMALS = 6


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the folder; returns the number of images with a label file."""
    converter = _Converter(results, options, notes)
    with part_folder(target) as part:
        names = map(_one_line, converter.names)
        (part / CLASSES).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        with (part / RECORD).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "label", "datetime", "status", *AFTER])
            writer.writerows(converter.rows(part, results.images()))
    return converter.labelled


def _one_line(name: str) -> str:
    return " ".join(name.split())


@dataclass
class _Converter:
    results: Results
    options: Options
    notes: Notes
    labelled: int = 0

    def __post_init__(self) -> None:
        named = self.results.detection_categories
        ids = sorted(named, key=lambda one: (len(one), one))
        self.names = [named[one] for one in ids]
        self._classes = {one: index for index, one in enumerate(ids)}

    def rows(self, folder: Path, images: Iterable[ImageResult]) -> Iterator[list[Any]]:
        """Write the label files, and give the rows of the record."""
        places = Places(folder / LABELS)
        for image in images:
            self.notes.add_fields(image.extra, "images")
            label, status = "", "failed"
            if image.detections is None:
                self.notes.add(f"images that failed: see {RECORD}")
            else:
                label, status = self._write(places, image.file, image.detections), "labelled"
            when = safe_cell(image.datetime) if image.datetime else ""
            yield [safe_cell(image.file), label, when, status, *after_cells(image)]

    def _write(self, places: Places, name: str, detections: Iterable[Detection]) -> str:
        label = places.write(name, ".txt", "".join(self._lines(detections)).encode())
        if not is_named_like(label, name):
            self.notes.add(f"label files that are not named like their image: see {RECORD}")
        self.labelled += 1
        return f"{LABELS}/{label}"

    def _lines(self, detections: Iterable[Detection]) -> Iterator[str]:
        for detection in detections:
            number = self._classes.get(detection.category)
            if number is None:
                self.notes.add("detections of categories that the file does not name")
            elif self.options.counts(detection):
                self._note(detection)
                yield self._line(number, detection)

    def _line(self, number: int, detection: Detection) -> str:
        x, y, width, height = detection.bbox
        sides = (x + width / 2, y + height / 2, width, height)
        words = [str(number), *(f"{side:.{_DECIMALS}f}" for side in sides)]
        return " ".join([*words, *([f"{detection.conf:g}"] if self.options.scores else [])]) + "\n"

    def _note(self, detection: Detection) -> None:
        if not self.options.scores:
            self.notes.add("confidences of detections: --scores writes them")
        if detection.classifications:
            self.notes.add("classifications of detections")
        self.notes.add_fields(detection.extra, "detections")
