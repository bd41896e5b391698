"""COCO: images, boxes in pixels, categories; an entry a line, so that memory stays flat.

The confidence stands in `score`. What the format does not know stands beside what it does, as COCO
Camera Traps has it; images that failed are left out, for COCO would take them for empty ones.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from core.replacing import whole_file
from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.convert.base import Lines, Notes, Options
from postprocessing.convert.sizes import Size, Sizes

#: The fields of COCO's own.
IMAGE = frozenset({"id", "file_name", "width", "height", "date_captured"})
ANNOTATION = frozenset({"id", "image_id", "category_id", "bbox", "area", "iscrowd", "score"})
#: Pixels are written to so many decimals: all that a box of four decimals can have.
_DECIMALS = 4

_encode = msgspec.json.Encoder().encode


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the data set; returns the number of images, those that failed left out.

    Raises InvalidRequest where the sizes of images are not known.
    """
    converter = _Converter(results, options, notes)
    with whole_file(target) as part, part.open("wb") as file, tempfile.TemporaryFile() as waiting:
        file.write(converter.head())
        converter.write_images(Lines(file), Lines(waiting))
        converter.sizes.check()
        file.write(b'\n],\n"annotations": [')
        _append(waiting, file)
        file.write(b"\n]\n}\n")
    return converter.images


def _append(waiting: IO[bytes], file: IO[bytes]) -> None:
    waiting.seek(0)
    shutil.copyfileobj(waiting, file)


class _Converter:
    def __init__(self, results: Results, options: Options, notes: Notes) -> None:
        self._results, self._options, self._notes = results, options, notes
        self._numbers = _numbers(results.detection_categories)
        self.sizes = Sizes(options.images)
        self.images = 0
        self._annotations = 0

    def head(self) -> bytes:
        """All that stands before the first image."""
        info = {"description": "Written by MegaBatch", "results_info": self._results.info}
        names = self._results.detection_categories
        categories = [{"id": self._numbers[one], "name": name} for one, name in names.items()]
        fields = {"info": info, "licenses": [], "categories": categories}
        lines = (_encode(name) + b": " + _encode(value) for name, value in fields.items())
        return b"{\n" + b",\n".join(lines) + b',\n"images": ['

    def write_images(self, images: Lines, annotations: Lines) -> None:
        for image in self._results.images():
            if image.detections is None:
                self._notes.add("images that failed: COCO would take them for empty ones")
                continue
            size = self.sizes.of(image.file, image.width, image.height)
            if size is None:
                continue
            self.images += 1
            images.write(_encode(self._image(image, size)))
            for detection in filter(self._options.counts, image.detections):
                if entry := self._annotation(detection, size):
                    annotations.write(_encode(entry))

    def _image(self, image: ImageResult, size: Size) -> dict[str, Any]:
        told = msgspec.to_builtins(image)
        own = ("latitude", "longitude", "truncated", "meta", "frame_rate", "frames_processed")
        return {
            **{name: value for name, value in (image.extra or {}).items() if name not in IMAGE},
            **{name: told[name] for name in own if name in told},
            "id": self.images,
            "file_name": image.file,
            "width": size[0],
            "height": size[1],
            **({"date_captured": image.datetime} if image.datetime is not None else {}),
        }

    def _annotation(self, detection: Detection, size: Size) -> dict[str, Any] | None:
        number = self._numbers.get(detection.category)
        if number is None or detection.conf < 0:
            why = "struck out as repeated" if number is not None else "of unnamed categories"
            self._notes.add(f"detections {why}")
            return None
        self._annotations += 1
        x, y, width, height = _in_pixels(detection, size)
        extra = detection.extra or {}
        return {
            **{name: value for name, value in extra.items() if name not in ANNOTATION},
            **self._further(detection),
            "id": self._annotations,
            "image_id": self.images,
            "category_id": number,
            "bbox": (x, y, width, height),
            "area": round(width * height, _DECIMALS),
            "iscrowd": 0,
            "score": detection.conf,
        }

    def _further(self, detection: Detection) -> dict[str, Any]:
        names, told = self._results.classification_categories, detection.classifications
        classes = [(names.get(number, number), conf) for number, conf in told or ()]
        frame = detection.frame_number
        return {
            **({} if told is None else {"classifications": classes}),
            **({} if frame is None else {"frame_number": frame}),
        }


def _numbers(categories: Mapping[str, str]) -> dict[str, int]:
    """A number for each id: itself, as the format asks for, or one that is free."""
    numbers = {one: int(one) for one in categories if one.isdecimal()}
    free = max(numbers.values(), default=0) + 1
    others = (one for one in categories if one not in numbers)
    return numbers | {one: free + index for index, one in enumerate(others)}


def _in_pixels(detection: Detection, size: Size) -> tuple[float, float, float, float]:
    x, y, width, height = detection.bbox
    across, down = size
    sides = (x * across, y * down, width * across, height * down)
    x, y, width, height = (round(side, _DECIMALS) for side in sides)
    return x, y, width, height
