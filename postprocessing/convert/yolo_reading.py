"""Reads YOLO's label files as results: with our record of images, or beside the images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.containers.listing import IMAGE_SUFFIXES
from core.containers.names import suffix_of
from core.errors import InvalidRequest, InvalidResults
from core.results.format import COORDINATE_DECIMALS, Detection, ImageResult
from postprocessing.convert.base import Imported, Notes, Options
from postprocessing.convert.csv_reading import Row, Table, about_image, finite
from postprocessing.convert.places import inside
from postprocessing.convert.yolo import CLASSES, LABELS, RECORD
from postprocessing.disk import files_below

#: Words of a line: class and box, or those and a confidence. More are the corners of an outline.
_BOX, _SCORED = 5, 6


def read(source: Path, options: Options, notes: Notes) -> Imported:
    """Raises InvalidResults naming file and line; InvalidRequest where something is missing."""
    if not (source / CLASSES).is_file():
        raise InvalidRequest(
            f"{source} has no {CLASSES}: a text with the name of a class a line, class 0 first."
        )
    names = (source / CLASSES).read_text(encoding="utf-8-sig").splitlines()
    imported = Imported(iter(()), info={"detector": "unknown"})
    for name in names:
        imported.categories.id_of(name)
    reading = _Reading(source, names, imported, notes)
    if (source / RECORD).is_file():
        imported.images = reading.recorded(Table(source / RECORD))
    elif options.images is None:
        raise InvalidRequest(f"{source} has no {RECORD}: name the folder of images with --images.")
    else:
        imported.images = reading.beside(options.images)
    return imported


@dataclass
class _Reading:
    source: Path
    names: list[str]
    imported: Imported
    notes: Notes

    def recorded(self, table: Table) -> Iterator[ImageResult]:
        """The images of our own record, also those that failed."""
        for row in table.rows():
            if row.text("status") == "failed":
                yield about_image(row, None, failure=row.text("failure") or "failed")
            else:
                yield about_image(row, list(self._detections(self._label(row))))

    def _label(self, row: Row) -> Path:
        name = row.text("label") or ""
        path = inside(self.source, name)
        if path is None:
            raise row.wrong(f"there is no label file {name!r}")
        return path

    def beside(self, images: Path) -> Iterator[ImageResult]:
        """The images of a folder, in its order, with the labels of the same path."""
        labels = self.source / LABELS
        labels = labels if labels.is_dir() else self.source
        for name in files_below(images):
            if suffix_of(name) not in IMAGE_SUFFIXES:
                continue
            path = labels / PurePosixPath(name).with_suffix(".txt")
            if not path.is_file():
                self.notes.add("images without a label file: they are taken for empty ones")
                yield ImageResult(file=name, detections=[])
            else:
                yield ImageResult(file=name, detections=list(self._detections(path)))

    def _detections(self, path: Path) -> Iterator[Detection]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = line.split()
            if len(words) > _SCORED:
                self.notes.add("outlines, which are no boxes")
            elif words:
                yield self._detection(f"{path}, line {number}", words)

    def _detection(self, place: str, words: list[str]) -> Detection:
        try:
            name = dict(enumerate(self.names))[int(words[0])]
            x, y, width, height, *conf = map(finite, words[1:])
        except (ValueError, KeyError) as error:
            why = "is not `class x_centre y_centre width height` with a class of classes.txt"
            raise InvalidResults(f"{place}: {why}.") from error
        if not conf:
            self.notes.add("labels without a confidence: they count as sure (1.0)")
        sides = (x - width / 2, y - height / 2, width, height)
        x, y, width, height = (round(side, COORDINATE_DECIMALS) for side in sides)
        category = self.imported.categories.id_of(name)
        return Detection(category, conf[0] if conf else 1.0, (x, y, width, height))
