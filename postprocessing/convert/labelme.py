"""LabelMe: a JSON file for each image, to be opened beside it; sizes of the upright picture."""

import csv
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.cells import safe_cell
from postprocessing.convert.base import Notes, Options, category_name
from postprocessing.convert.places import Places, is_named_like, part_folder
from postprocessing.convert.sizes import Size, Sizes

RECORD = "images.csv"
#: The format of LabelMe whose fields are written.
_VERSION = "5.5.0"
_DECIMALS = 2
_UNKNOWN_FIELDS = (
    *("datetime", "latitude", "longitude", "truncated", "meta"),
    *("frame_rate", "frames_processed"),
)


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the folder; returns the number of images, those that failed left out.

    Raises InvalidRequest where the sizes of images are not known.
    """
    converter = _Converter(results, options, notes)
    with part_folder(target) as part:
        with (part / RECORD).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "labels", "status", "failure"])
            writer.writerows(converter.rows(part))
        converter.sizes.check()
    return converter.images


class _Converter:
    def __init__(self, results: Results, options: Options, notes: Notes) -> None:
        self._results, self._options, self._notes = results, options, notes
        self.sizes = Sizes(options.images)
        self.images = 0

    def rows(self, folder: Path) -> Iterator[list[str]]:
        """Write the files, and give the rows of the record."""
        places = Places(folder)
        for image in self._results.images():
            if image.detections is None:
                self._notes.add(f"images that failed: see {RECORD}")
                yield [safe_cell(image.file), "", "failed", safe_cell(image.failure or "")]
                continue
            size = self.sizes.of(image.file, image.width, image.height)
            if size is not None:
                name = self._write(places, image, size)
                yield [safe_cell(image.file), safe_cell(name), "labelled", ""]

    def _write(self, places: Places, image: ImageResult, size: Size) -> str:
        labels = msgspec.json.encode(self._labels(image, size))
        name = places.write(image.file, ".json", msgspec.json.format(labels))
        if not is_named_like(name, image.file):
            self._notes.add(f"files that are not named like their image: see {RECORD}")
        self.images += 1
        return name

    def _labels(self, image: ImageResult, size: Size) -> dict[str, Any]:
        counted = filter(self._options.counts, image.detections or ())
        self._notes.add_told(image, _UNKNOWN_FIELDS)
        return {
            "version": _VERSION,
            "flags": {},
            "shapes": [self._shape(detection, size) for detection in counted],
            "imagePath": PurePosixPath(image.file.replace("\\", "/")).name,
            "imageData": None,
            "imageHeight": size[1],
            "imageWidth": size[0],
        }

    def _shape(self, detection: Detection, size: Size) -> dict[str, Any]:
        x, y, width, height = detection.bbox
        corners = ((x, y), (x + width, y + height))
        self._notes.add_fields(detection.extra, "detections")
        return {
            "label": category_name(self._results, detection),
            "points": [
                [round(across * size[0], _DECIMALS), round(down * size[1], _DECIMALS)]
                for across, down in corners
            ],
            "group_id": None,
            "description": f"conf {detection.conf:g}{self._classes(detection)}",
            "shape_type": "rectangle",
            "flags": {},
        }

    def _classes(self, detection: Detection) -> str:
        names = self._results.classification_categories
        told = detection.classifications or ()
        return "".join(f", {names.get(number, number)} {conf:g}" for number, conf in told)
