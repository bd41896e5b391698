"""Pictures as people see them, for tools that show or cut them."""

from pathlib import Path

from PIL import Image, ImageOps

# What Pillow and its decoders raise for files that are no picture, or a damaged one.
NOT_READ = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def open_upright(path: Path) -> Image.Image:
    """The picture in RGB, turned as its camera was held. Raises what stands in `NOT_READ`."""
    with Image.open(path) as image:
        turned = ImageOps.exif_transpose(image)
        return turned.convert("RGB")
