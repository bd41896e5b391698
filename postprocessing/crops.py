"""Each detection cut out of its image, as a file of its own, and a table of all of them."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from PIL import Image

from core.containers.file_names import file_name_of
from core.file_systems import folds_names
from core.picture_names import crop_name
from core.results.format import Detection, ImageResult
from core.results.reader import Results
from detection.render import pixel_box
from postprocessing.cells import safe_cell
from postprocessing.convert.places import part_folder
from postprocessing.disk import Names, forward
from postprocessing.upright import NOT_READ, open_upright

TABLE = "crops.csv"
_COLUMNS = ("crop", "image", "detection", "category", "conf", "x_min", "y_min", "width", "height")
_QUALITY = 95


class CropOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is cut out."""

    #: Detections that score above it.
    threshold: float
    #: Ids of the categories; empty for all.
    categories: frozenset[str] = frozenset()
    #: How much of a box's width and height is added on each side.
    margin: float = 0.0


class Cropped(msgspec.Struct, kw_only=True):
    """What became of it."""

    crops: int = 0
    #: Names of images without a file, and of those whose file cannot be read.
    missing: list[str] = []
    unreadable: list[str] = []


def crop_all(results: Results, root: Path, disk: Names, out: Path, options: CropOptions) -> Cropped:
    """Cut out what `options` choose, below `out`, and write the table `crops.csv` there.

    `out` appears when all is done. `disk`: what lies below `root`. Raises InvalidRequest where
    `out` holds something, OSError where a file cannot be written.
    """
    with part_folder(out) as part:
        cutting = _Cutting(results, root, disk, options, folds_names(part))
        with (part / TABLE).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(_COLUMNS)
            for image in results.images():
                for name, crop, row in cutting.crops_of(image):
                    _save(crop, part / name)
                    rows.writerow(row)
                    cutting.cropped.crops += 1
    return cutting.cropped


def with_margin(detection: Detection, margin: float) -> Detection:
    """The detection with a larger box, which ends where the picture does."""
    x, y, width, height = detection.bbox
    left, top = max(0.0, x - margin * width), max(0.0, y - margin * height)
    right, bottom = min(1.0, x + (1 + margin) * width), min(1.0, y + (1 + margin) * height)
    return msgspec.structs.replace(detection, bbox=(left, top, right - left, bottom - top))


def _chosen(image: ImageResult, options: CropOptions) -> Mapping[int, Detection]:
    return {
        index: detection
        for index, detection in enumerate(image.detections or ())
        if detection.conf > options.threshold
        and (not options.categories or detection.category in options.categories)
    }


class _Cutting:
    def __init__(
        self, results: Results, root: Path, disk: Names, options: CropOptions, folds: bool
    ) -> None:
        self._categories = results.detection_categories
        self._root, self._disk, self._options, self._folds = root, disk, options, folds
        self.cropped = Cropped()

    def crops_of(self, image: ImageResult) -> Iterator[tuple[str, Image.Image, list[object]]]:
        """The crops of an image: path, picture, row of the table."""
        chosen = _chosen(image, self._options)
        picture = self._opened(image) if chosen else None
        if picture is None:
            return
        for index, detection in chosen.items():
            category = self._categories.get(detection.category, detection.category)
            name = crop_name(forward(image.file), index, category, folds=self._folds)
            box = pixel_box(with_margin(detection, self._options.margin), picture.size)
            yield name, picture.crop(box), _row(name, image.file, index, category, detection)

    def _opened(self, image: ImageResult) -> Image.Image | None:
        file = self._disk.find(image.file)
        if file is None:
            self.cropped.missing.append(image.file)
            return None
        try:
            return open_upright(self._root / file_name_of(file))
        except NOT_READ:
            self.cropped.unreadable.append(image.file)
            return None


def _save(crop: Image.Image, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    crop.save(target, "PNG" if target.suffix.lower() == ".png" else "JPEG", quality=_QUALITY)


def _row(name: str, file: str, index: int, category: str, detection: Detection) -> list[object]:
    texts = safe_cell(name), safe_cell(file), index, safe_cell(category)
    return [*texts, detection.conf, *detection.bbox]
