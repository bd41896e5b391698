"""Pictures as people see them, for tools that show or cut them."""

from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

# What Pillow and its decoders raise for files that are no picture, or a damaged one.
NOT_READ = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def open_upright(source: Path | BinaryIO, least: int | None = None) -> Image.Image:
    """The picture in RGB, turned as its camera was held. Raises what stands in `NOT_READ`.

    `least`: where both sides are longer than so many pixels, they may come out shorter than in the
    file, though not than that. A JPEG is read several times as fast then.
    """
    with Image.open(source) as image:
        if least is not None:
            image.draft("RGB", (least, least))
        turned = ImageOps.exif_transpose(image)
        return turned.convert("RGB")
