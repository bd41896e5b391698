"""Pictures of every pixel layout as RGB, and the right way up."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from detection.detector import RgbImage

_MOST_8_BIT, _MOST_16_BIT = 255, 65535


def rgb_pixels(image: Image.Image) -> RgbImage:
    """The pixels of a loaded picture, height x width x 3. Transparency is dropped, not blended.

    Raises ValueError for a layout that has no way to RGB.
    """
    if image.mode.startswith("I;16"):
        return _grey(_from_16_bit(np.asarray(image)))
    if image.mode in {"I", "F"}:
        return _grey(_stretched(np.asarray(image)))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _from_16_bit(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """16-bit grey as 8-bit, 65535 becoming 255."""
    return (values // (_MOST_16_BIT // _MOST_8_BIT)).astype(np.uint8)


def _stretched(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Numbers without a fixed range as 8-bit: the least finite one is black, the greatest white."""
    numbers = values.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    filled = np.nan_to_num(numbers, nan=low, posinf=high, neginf=low)
    return np.round((filled - low) / (high - low) * _MOST_8_BIT).astype(np.uint8)


def _grey(values: npt.NDArray[np.uint8]) -> RgbImage:
    return np.repeat(values[:, :, np.newaxis], 3, axis=2)


# How a picture that was stored with this EXIF orientation is turned upright.
# Source: Exif 2.32, 4.6.4 "Orientation".
_TURNS: Mapping[int, Callable[[RgbImage], RgbImage]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}


def upright(pixels: RgbImage, orientation: int) -> RgbImage:
    """The picture as its maker held the camera; `orientation` is 1 to 8, as EXIF counts them."""
    turn = _TURNS.get(orientation)
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))
