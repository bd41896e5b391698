"""Pictures made by code: of any size, format and pixel layout, whole or damaged."""

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image


def scene(seed: int = 0, width: int = 64, height: int = 48) -> npt.NDArray[np.uint8]:
    """A smooth picture, height x width x 3, without symmetry; each seed gives another one."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.array(smooth)


def encoded(
    pixels: npt.NDArray[Any] | Image.Image, file_format: str = "JPEG", **options: Any
) -> bytes:
    """The bytes of a file; `options` are Pillow's for that format."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def jpeg(seed: int = 0, width: int = 64, height: int = 48, **options: Any) -> bytes:
    return encoded(scene(seed, width, height), "JPEG", **options)


def exif_bytes(
    *,
    orientation: int | None = None,
    taken_at: str | None = None,
    gps: dict[int, Any] | None = None,
) -> bytes:
    """EXIF data as a camera writes it; `taken_at` stands as DateTimeOriginal."""
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    if taken_at is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken_at
    if gps is not None:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    return exif.tobytes()
