"""The picture that a reviewer looks at: an image with the box of a repeat, and a close-up of it."""

import os
import textwrap
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps

from core.containers.file_names import file_name_of
from core.containers.listing import MAX_IMAGE_BYTES, VIDEO_SUFFIXES
from core.containers.names import suffix_of
from core.results.format import Detection
from detection.render import colour_of, draw, pixel_box
from postprocessing.repeats.finding import Repeat

# Pixels: the image is fitted into this size, and the close-up is so much of its height wide.
_SIZE = (1120, 840)
_CLOSE_UP_SHARE, _GAP = 0.6, 8
# How much of the picture around a box the close-up shows on each side, by the box's own sides, and
# how thick the line is that shows where the box is, pixels.
_AROUND, _LINE = 0.7, 2
# A box of which the image itself shows enough, by the share of its height that the close-up has.
_LARGE = 0.7
_QUALITY = 85

_GROUND, _INK = "#4a4a4a", "#f2f2f2"
_TEXT, _LETTERS, _MOST_LINES = 26, 74, 8


class Tile(NamedTuple):
    """A picture, as it is written: a JPEG with neither EXIF data nor GPS."""

    data: bytes
    #: Width and height, pixels.
    size: tuple[int, int]
    #: Whether the image itself is in it.
    shows_image: bool


def make_tile(images: Path, repeat: Repeat, categories: Mapping[str, str]) -> Tile:
    """The picture of a repeat; one that says why, where its image cannot be shown."""
    image = _image(images, repeat)
    if isinstance(image, str):
        picture = _without_image(repeat, categories, image)
    else:
        picture = _with_close_up(image, repeat.detection, categories)
    file = BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return Tile(file.getvalue(), picture.size, not isinstance(image, str))


def _image(images: Path, repeat: Repeat) -> Image.Image | str:
    """The image, or why it cannot be shown."""
    if suffix_of(repeat.file) in VIDEO_SUFFIXES:
        frame = repeat.detection.frame_number
        where = "a video" if frame is None else f"a video: the box is in its frame {frame}"
        return f"This is {where}."
    path = image_path(images, repeat.file)
    if path is None:
        return "It does not lie in the folder of images."
    return _opened(path) or "It cannot be read."


def image_path(root: Path, name: str) -> Path | None:
    """The file of an image's name in the folder `root`, with slashes of either kind.

    None where there is none, or it would lie elsewhere; a whole path may lead into the folder, too.
    """
    folder = os.path.abspath(root)
    for spelling in (name, name.replace("\\", "/")):
        try:
            path = os.path.normpath(os.path.join(folder, file_name_of(spelling)))
        except ValueError:
            continue
        if path.startswith(os.path.join(folder, "")) and os.path.isfile(path):
            return Path(path)
    return None


def _opened(path: Path) -> Image.Image | None:
    """The upright picture in RGB, or None. Anything may stand in the file."""
    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            return None
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except Exception:  # Pillow raises errors of many kinds on damaged files
        return None


def _with_close_up(
    image: Image.Image, detection: Detection, categories: Mapping[str, str]
) -> Image.Image:
    small = ImageOps.contain(image, _SIZE)
    drawn = draw(small, [detection], categories)
    size = (round(small.height * _CLOSE_UP_SHARE), small.height)
    part = _around(detection, image.size, size[0] / size[1])
    if part[3] - part[1] > _LARGE * image.height:
        return drawn
    close = ImageOps.pad(_close_up(image, detection, part, size), size, color=_GROUND)
    both = Image.new("RGB", (drawn.width + _GAP + close.width, drawn.height), _GROUND)
    both.paste(drawn, (0, 0))
    both.paste(close, (drawn.width + _GAP, 0))
    return both


def _close_up(
    image: Image.Image,
    detection: Detection,
    part: tuple[int, int, int, int],
    size: tuple[int, int],
) -> Image.Image:
    """This part of the image, with a line about the box that hides nothing of it."""
    close = image.crop(part)
    line = max(1, round(_LINE * close.height / size[1]))
    left, top, right, bottom = pixel_box(detection, image.size, least_margin=2 * line)
    box = (left - part[0], top - part[1], right - part[0] - 1, bottom - part[1] - 1)
    ImageDraw.Draw(close).rectangle(box, outline=colour_of(detection.category), width=line)
    return close


def _around(detection: Detection, size: tuple[int, int], shape: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the close-up; `shape` is its width by its height."""
    left, top, right, bottom = pixel_box(detection, size, margin=_AROUND)
    height = min(size[1], max(bottom - top, (right - left) / shape))
    width = min(size[0], max(1.0, height * shape))
    x = max(0.0, min((left + right - width) / 2, size[0] - width))
    y = max(0.0, min((top + bottom - height) / 2, size[1] - height))
    return int(x), int(y), max(int(x) + 1, int(x + width)), max(int(y) + 1, int(y + height))


def _without_image(repeat: Repeat, categories: Mapping[str, str], why: str) -> Image.Image:
    """An empty picture with the box where it was found."""
    picture = draw(Image.new("RGB", _SIZE, _GROUND), [repeat.detection], categories)
    name = "".join(
        mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in repeat.file
    )
    lines = [*textwrap.wrap(name, _LETTERS)[:_MOST_LINES], why]
    font = ImageFont.load_default(_TEXT)
    ImageDraw.Draw(picture).text((_TEXT, _TEXT), "\n".join(lines), fill=_INK, font=font)
    return picture
