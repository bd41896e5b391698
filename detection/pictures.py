"""Writes what people look at: pictures with boxes, and a crop of each detection."""

import errno
import os
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import msgspec
from PIL import Image

from core.failures import ImageFailure
from core.file_systems import folds_names, long_path
from core.picture_names import crop_name, picture_name
from core.results.format import Detection, ImageResult
from detection.images import DecodeOptions, decode_image
from detection.render import blur, draw, pixel_box

_QUALITY = 90
# Pixels of a JPEG's side. Source: libjpeg, `JPEG_MAX_DIMENSION`.
_LONGEST_SIDE = 65_500
# A PNG twice as fast as by default, and hardly larger where it is a photograph.
_PNG_EFFORT = 1

# What was detected in it can be drawn, too, where a file ends early.
_DECODING = DecodeOptions(truncated_images="accept")

# Who blurs would rather blur too much: from this share of the threshold on.
_BLUR_SHARE = 0.5


class PictureOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn of each image, and where it is written."""

    #: The folders of pictures with boxes, and of crops; None for none.
    render: Path | None = None
    crop: Path | None = None
    #: Detections are drawn and cropped where their confidence is strictly above it.
    threshold: float
    #: Ids of the categories that nobody is to recognise, detected half as surely too.
    blur: frozenset[str] = frozenset()
    #: No two images have names that some file system takes for the same: theirs does, too.
    distinct: bool = False


class PictureWriter:
    """Writes the pictures of one image after another. Any number of processes may share folders."""

    def __init__(self, options: PictureOptions, categories: Mapping[str, str]) -> None:
        """Makes the folders. Raises OSError where one cannot be written."""
        self._options = options
        self._categories = categories
        self._render = None if options.render is None else _Folder(options.render, options.distinct)
        self._crop = None if options.crop is None else _Folder(options.crop, options.distinct)

    def write(self, result: ImageResult, data: bytes) -> list[Path]:
        """Write the pictures of one image, and say which; none of one that has no detections list.

        `data` are the bytes of its file. Raises OSError where a picture cannot be written; what is
        there under its name is whole, whenever this ends.
        """
        shown = dict(self._above(result, self._options.threshold))
        if result.detections is None or not (self._render or (self._crop and shown)):
            return []
        decoded = decode_image(data, _DECODING)
        if isinstance(decoded, ImageFailure):
            return []
        image = self._blurred(Image.fromarray(decoded.pixels), result)
        return [*self._pictures(image, result, shown), *self._crops(image, result, shown)]

    def _above(self, result: ImageResult, threshold: float) -> Iterator[tuple[int, Detection]]:
        for index, detection in enumerate(result.detections or ()):
            if detection.conf > threshold:
                yield index, detection

    def _blurred(self, image: Image.Image, result: ImageResult) -> Image.Image:
        found = self._above(result, self._options.threshold * _BLUR_SHARE)
        hidden = [one for _, one in found if one.category in self._options.blur]
        return blur(image, hidden) if hidden else image

    def _pictures(
        self, image: Image.Image, result: ImageResult, shown: Mapping[int, Detection]
    ) -> Iterator[Path]:
        if self._render is not None:
            name = picture_name(result.file, folds=self._render.folds)
            drawn = draw(image, list(shown.values()), self._categories)
            yield self._render.save(drawn, name)

    def _crops(
        self, image: Image.Image, result: ImageResult, shown: Mapping[int, Detection]
    ) -> Iterator[Path]:
        if self._crop is None:
            return
        for index, detection in shown.items():
            category = self._categories.get(detection.category, detection.category)
            name = crop_name(result.file, index, category, folds=self._crop.folds)
            yield self._crop.save(image.crop(pixel_box(detection, image.size)), name)


class _Folder:
    """A folder for pictures."""

    def __init__(self, folder: Path, distinct: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        real = os.path.realpath(folder)
        self._root = Path(long_path(real) if os.name == "nt" else real)
        self.folds = not distinct and folds_names(self._root)

    def save(self, image: Image.Image, name: str) -> Path:
        """Write a picture whole, in place of one that is there. Returns its path."""
        target = self._root / name
        self._check_within(target.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            part.write_bytes(_encoded(image, target.suffix.lower()))
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return self._folder / name

    def _check_within(self, folder: Path) -> None:
        # Behind a link that somebody made there may lie originals.
        if not Path(os.path.realpath(folder)).is_relative_to(self._root):
            raise NotADirectoryError(
                errno.ENOTDIR, "a link leads out of the folder for pictures", str(folder)
            )


def _encoded(image: Image.Image, suffix: str) -> bytes:
    """A file's bytes, with neither EXIF data nor GPS."""
    file = BytesIO()
    if suffix == ".png":
        image.save(file, "PNG", compress_level=_PNG_EFFORT)
    else:
        image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        # Without subsampling, which would smear lines and text.
        image.save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue()
