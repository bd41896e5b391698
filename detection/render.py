"""Draws detections on pictures, to be looked at by people, and blurs what they must not show."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from core.results.format import Detection

# One colour a category, told apart by most colour-blind people too.
# Source: the palette of M. Okabe and K. Ito, "Color Universal Design" (2008).
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2")
# Black reads well on all but the last of them. A dark seam sets them off against snow.
_TEXT_COLOUR, _TEXT_COLOUR_ON_LAST, _SEAM_COLOUR = "black", "white", "#3a3a3a"

# Shares of a picture's measure (see `_measure`), and the least that can still be seen, pixels.
_LINE_SHARE, _LEAST_LINE = 1 / 250, 2
_TEXT_SHARE, _LEAST_TEXT = 1 / 32, 12
# A picture is at most so much longer than broad where lines and text are concerned.
_LONGEST_SHAPE = 5
# Smaller than that nobody reads it, pixels: better no text than a smudge.
_LEAST_READ = 7
# Space around a label's text, and between label and box, as shares of what they belong to.
_PADDING_SHARE = 1 / 4
_SEAM_SHARE = 1 / 5
# A box is drawn so many lines wide at least, so that its lines do not cover what it is around.
_LEAST_BOX = 6
# How much worse it is to hide another label than to hide the same share of a box.
_LABEL_WEIGHT = 10.0
# How much of a box a label may hide, rather than stand one place further down the order of places.
_PLACE_WEIGHT = 0.003
# A label is moved by its own height up to so many times where others stand in its place.
_STEPS = 4

# What is blurred becomes so many patches a side at most: one patch or two for a face, whatever the
# picture's size. A patch has so many pixels a side at least.
_PATCHES, _LEAST_PATCH = 5, 8
# Detections end at a chin or a hat; what is blurred goes beyond them by this share of each side.
_BLUR_MARGIN, _LEAST_MARGIN = 0.1, 2

_Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Label:
    """Text in its font, and the size of the plate that it stands on, pixels."""

    text: str
    font: ImageFont.FreeTypeFont
    colour: str
    padding: int
    width: int
    height: int


def draw(
    image: Image.Image, detections: Sequence[Detection], categories: Mapping[str, str]
) -> Image.Image:
    """A copy of an upright picture with a box and a label for each detection.

    Lines and text grow with the picture, and labels stay within it. The copy is RGB and carries
    neither EXIF data nor GPS, so that what is written from it tells no place.
    """
    copy = _copy(image)
    pen = ImageDraw.Draw(copy)
    line = max(_LEAST_LINE, round(_measure(copy.size) * _LINE_SHARE))
    # The best are drawn last, so that they lie on top, and are the first to choose a place.
    ranked = sorted(detections, key=lambda one: one.conf)
    boxes = [_room_for_lines(_corners(one, copy.size), line, copy.size) for one in ranked]
    for detection, box in zip(ranked, boxes, strict=True):
        _box(pen, box, colour_of(detection.category), line)
    labels = [_label(one, categories, copy.size) for one in ranked]
    for label, place in reversed(_placed(labels, boxes, copy.size)):
        _write(pen, label, place)
    return copy


def blur(image: Image.Image, detections: Sequence[Detection]) -> Image.Image:
    """A copy of an upright picture in which nobody is known by what lies in these detections.

    Nothing of it can be computed back: of each side, five patches of colour are left at most.
    """
    copy = _copy(image)
    for detection in detections:
        box = pixel_box(detection, copy.size, margin=_BLUR_MARGIN, least_margin=_LEAST_MARGIN)
        clear = copy.crop(box)
        patches = (_patches(clear.width), _patches(clear.height))
        smudge = clear.resize(patches, Image.Resampling.BOX)
        copy.paste(smudge.resize(clear.size, Image.Resampling.BICUBIC), box)
    return copy


def pixel_box(
    detection: Detection, size: tuple[int, int], *, margin: float = 0.0, least_margin: int = 0
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in whole pixels, the last two exclusive: one pixel at least.

    `margin` is a share of the detection's own width and height, and added on every side.
    """
    left, top, right, bottom = _edges(detection, size)
    more_x = max(least_margin, (right - left) * margin)
    more_y = max(least_margin, (bottom - top) * margin)
    x = max(0, min(math.floor(left - more_x), size[0] - 1))
    y = max(0, min(math.floor(top - more_y), size[1] - 1))
    end_x, end_y = math.ceil(right + more_x), math.ceil(bottom + more_y)
    return x, y, min(size[0], max(x + 1, end_x)), min(size[1], max(y + 1, end_y))


def colour_of(category: str) -> str:
    """The colour of a category id, `#rrggbb`; the same in every picture."""
    number = int(category) if category.isdecimal() else sum(category.encode("utf-8", "replace"))
    return _COLOURS[(number - 1) % len(_COLOURS)]


def _copy(image: Image.Image) -> Image.Image:
    copy = Image.new("RGB", image.size)
    copy.paste(image if image.mode == "RGB" else image.convert("RGB"))
    return copy


def _patches(side: int) -> int:
    return max(1, min(_PATCHES, side // _LEAST_PATCH))


def _measure(size: tuple[int, int]) -> float:
    """What lines and text are in proportion to, pixels: the side of a square of the same area."""
    short, long = min(size), max(size)
    return math.sqrt(short * min(long, short * _LONGEST_SHAPE))


def _edges(detection: Detection, size: tuple[int, int]) -> _Corners:
    """Left, top, right and bottom in pixels, the last two exclusive, within the picture."""
    width, height = size
    x, y, box_width, box_height = detection.bbox
    left, top = _within(x * width, width), _within(y * height, height)
    right = max(left, _within((x + box_width) * width, width))
    bottom = max(top, _within((y + box_height) * height, height))
    return left, top, right, bottom


def _corners(detection: Detection, size: tuple[int, int]) -> _Corners:
    """The same as pixels that are there: the last two inclusive."""
    left, top, right, bottom = _edges(detection, size)
    last_x, last_y = size[0] - 1, size[1] - 1
    return min(left, last_x), min(top, last_y), min(right, last_x), min(bottom, last_y)


def _within(position: float, most: float) -> float:
    return max(0.0, min(position, most))


def _room_for_lines(box: _Corners, line: int, size: tuple[int, int]) -> _Corners:
    """The box, made larger where its lines would cover all that is in it."""
    left, top, right, bottom = box
    more_x = max(0.0, (_LEAST_BOX * line - (right - left)) / 2)
    more_y = max(0.0, (_LEAST_BOX * line - (bottom - top)) / 2)
    return (
        *(_within(left - more_x, size[0] - 1), _within(top - more_y, size[1] - 1)),
        *(_within(right + more_x, size[0] - 1), _within(bottom + more_y, size[1] - 1)),
    )


def _box(pen: ImageDraw.ImageDraw, box: _Corners, colour: str, line: int) -> None:
    """A coloured frame with a dark seam on both sides, to be seen on any ground."""
    seam = max(1, round(line * _SEAM_SHARE))
    left, top, right, bottom = (round(side) for side in box)
    around = (left - seam, top - seam, right + seam, bottom + seam)
    pen.rectangle(around, outline=_SEAM_COLOUR, width=line + 2 * seam)
    pen.rectangle((left, top, right, bottom), outline=colour, width=line)


def _label(
    detection: Detection, categories: Mapping[str, str], size: tuple[int, int]
) -> _Label | None:
    """The name with the confidence, or without where the picture is too narrow for both."""
    # On one line, whatever the name holds.
    name = " ".join(categories.get(detection.category, detection.category).split())
    points = max(_LEAST_TEXT, round(_measure(size) * _TEXT_SHARE))
    full = f"{name} {detection.conf:.2f}"
    for text, least in ((full, _LEAST_TEXT), (name, _LEAST_READ)):
        label = _fitting(text, points, size, colour_of(detection.category))
        if label.font.size >= least:
            return label
    return None


def _fitting(text: str, points: float, size: tuple[int, int], colour: str) -> _Label:
    """The label in this size of text, or a smaller one where the picture has no room for it."""
    label = _plate(text, points, colour)
    room = min((size[0] - 1) / label.width, (size[1] - 1) / label.height)
    return label if room >= 1 else _plate(text, max(1, math.floor(points * room)), colour)


def _plate(text: str, points: float, colour: str) -> _Label:
    font = _font(points)
    ascent, descent = font.getmetrics()
    padding = max(1, round(points * _PADDING_SHARE))
    width = math.ceil(font.getlength(text)) + 2 * padding
    return _Label(text, font, colour, padding, width, ascent + descent + padding)


def _font(points: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(points)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; install a wheel from PyPI")
    return font


def _placed(
    labels: Sequence[_Label | None], boxes: Sequence[_Corners], size: tuple[int, int]
) -> list[tuple[_Label, _Corners]]:
    """Each label where it hides least of the boxes, and of the labels of what ranks above it."""
    placed: list[tuple[_Label, _Corners]] = []
    for label, box in zip(reversed(labels), reversed(boxes), strict=True):
        if label is not None:
            taken = [place for _, place in placed]
            placed.append((label, _best(_places(label, box, size), taken, boxes)))
    return placed


def _best(
    places: Iterator[_Corners], taken: Sequence[_Corners], boxes: Sequence[_Corners]
) -> _Corners:
    ranked = list(places)
    of_labels, of_boxes = (np.array(one, float).reshape(-1, 4) for one in (taken, boxes))
    costs = (
        _hidden(place, of_boxes) + _LABEL_WEIGHT * _hidden(place, of_labels) + _PLACE_WEIGHT * order
        for order, place in enumerate(ranked)
    )
    return ranked[int(np.argmin(list(costs)))]


def _places(label: _Label, box: _Corners, size: tuple[int, int]) -> Iterator[_Corners]:
    """Where a label may stand, best first: above its box, in it, below it; at its left or right."""
    left, top, right, bottom = box
    tall = label.height
    for step in range(_STEPS):
        more = step * tall
        for y in (top - tall - more, top + more, bottom - tall + 1 - more, bottom + 1 + more):
            for x in (left, right + 1 - label.width):
                fit_x = _within(x, size[0] - label.width)
                fit_y = _within(y, size[1] - tall)
                yield fit_x, fit_y, fit_x + label.width, fit_y + tall


def _hidden(place: _Corners, others: npt.NDArray[np.float64]) -> float:
    """How much of other places, a row each, lies under this one: the share of each, summed."""
    left, top, right, bottom = others.T
    width = np.minimum(right, place[2]) - np.maximum(left, place[0])
    height = np.minimum(bottom, place[3]) - np.maximum(top, place[1])
    area = np.maximum(1.0, (right - left) * (bottom - top))
    return float((width.clip(min=0) * height.clip(min=0) / area).sum())


def _write(pen: ImageDraw.ImageDraw, label: _Label, place: _Corners) -> None:
    x, y = round(place[0]), round(place[1])
    plate = (x, y, x + label.width - 1, y + label.height - 1)
    pen.rectangle(plate, fill=label.colour)
    # From the baseline, so that all labels stand alike whatever letters they have.
    base = y + label.height - round(label.padding / 2) - label.font.getmetrics()[1]
    fill = _TEXT_COLOUR_ON_LAST if label.colour == _COLOURS[-1] else _TEXT_COLOUR
    pen.text((x + label.padding, base), label.text, fill=fill, font=label.font, anchor="ls")
