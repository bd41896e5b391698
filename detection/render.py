"""Draws detections on pictures, to be looked at by people."""

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from core.results.format import Detection

# One colour a category, told apart by most colour-blind people too.
# Source: the palette of M. Okabe and K. Ito, "Color Universal Design" (2008).
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2")
_TEXT_COLOUR = "black"

# Shares of the picture's shorter side, and the least that can still be seen, pixels.
_LINE_SHARE, _LEAST_LINE = 1 / 160, 2
_TEXT_SHARE, _LEAST_TEXT = 1 / 24, 14
# Space around a label's text, as a share of its height.
_PADDING_SHARE = 1 / 5

_Corners = tuple[float, float, float, float]


def draw(
    image: Image.Image, detections: Sequence[Detection], categories: Mapping[str, str]
) -> Image.Image:
    """A copy of an upright picture with a box and a label for each detection.

    Lines and text grow with the picture, and labels stay within it. The copy is RGB and carries
    neither EXIF data nor GPS, so that what is written from it tells no place.
    """
    copy = Image.new("RGB", image.size)
    copy.paste(image.convert("RGB"))
    pen = ImageDraw.Draw(copy)
    line = max(_LEAST_LINE, round(min(copy.size) * _LINE_SHARE))
    # The best are drawn last, so that they lie on top.
    for detection in sorted(detections, key=lambda one: one.conf):
        colour = colour_of(detection.category)
        box = _corners(detection, copy.size)
        pen.rectangle(box, outline=colour, width=line)
        name = categories.get(detection.category, detection.category)
        _label(pen, copy.size, box, (f"{name} {detection.conf:.2f}", colour))
    return copy


def colour_of(category: str) -> str:
    """The colour of a category id, `#rrggbb`; the same in every picture."""
    number = int(category) if category.isdecimal() else sum(category.encode())
    return _COLOURS[(number - 1) % len(_COLOURS)]


def _corners(detection: Detection, size: tuple[int, int]) -> _Corners:
    """Left, top, right and bottom in pixels, within the picture."""
    width, height = size
    x, y, box_width, box_height = detection.bbox
    left, top = _within(x * width, width - 1), _within(y * height, height - 1)
    right = max(left, _within((x + box_width) * width, width - 1))
    bottom = max(top, _within((y + box_height) * height, height - 1))
    return left, top, right, bottom


def _within(position: float, most: float) -> float:
    return max(0.0, min(position, most))


def _label(
    pen: ImageDraw.ImageDraw, size: tuple[int, int], box: _Corners, label: tuple[str, str]
) -> None:
    """Write a label, text and colour, above the box where there is room, else below its top."""
    text, colour = label
    font = _fitting_font(text, size)
    left, top, right, bottom = font.getbbox(text)
    padding = (bottom - top) * _PADDING_SHARE
    width, height = right - left + 2 * padding, bottom - top + 2 * padding
    x = _within(box[0], size[0] - width)
    y = _within(box[1] - height if box[1] >= height else box[1], size[1] - height)
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    pen.text((x + padding - left, y + padding - top), text, fill=_TEXT_COLOUR, font=font)


def _fitting_font(text: str, size: tuple[int, int]) -> ImageFont.FreeTypeFont:
    """A font in proportion to the picture, made smaller where the text would not fit its width."""
    points = max(_LEAST_TEXT, min(size) * _TEXT_SHARE)
    font = _font(points)
    room = size[0] / (font.getlength(text) * (1 + 2 * _PADDING_SHARE))
    return font if room >= 1 else _font(max(1.0, points * room))


def _font(points: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(points)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; install a wheel from PyPI")
    return font
