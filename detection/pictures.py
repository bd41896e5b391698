"""Writes what people look at: pictures with boxes, and a crop of each detection."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import msgspec
from PIL import Image

from core.failures import ImageFailure
from core.picture_names import crop_name, picture_name
from core.results.format import Detection, ImageResult
from detection.images import DecodeOptions, decode_image
from detection.picture_folders import PictureFolder
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
        self._render = (
            None
            if options.render is None
            else PictureFolder(options.render, distinct=options.distinct)
        )
        self._crop = (
            None if options.crop is None else PictureFolder(options.crop, distinct=options.distinct)
        )

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
            yield _save(self._render, name, drawn)

    def _crops(
        self, image: Image.Image, result: ImageResult, shown: Mapping[int, Detection]
    ) -> Iterator[Path]:
        if self._crop is None:
            return
        for index, detection in shown.items():
            category = self._categories.get(detection.category, detection.category)
            name = crop_name(result.file, index, category, folds=self._crop.folds)
            yield _save(self._crop, name, image.crop(pixel_box(detection, image.size)))


def _save(folder: PictureFolder, name: str, image: Image.Image) -> Path:
    with folder.writing(name) as part:
        part.write_bytes(_encoded(image, Path(name).suffix.lower()))
    return folder.path / name


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
