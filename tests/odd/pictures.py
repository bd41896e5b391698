"""Pictures that are odd and whole: every format, layout and shape that is read, as it should be."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.odd.base import PICTURE, OddImage, png
from tests.pictures import encoded, exif_bytes, scene

# JPEG and its kin lose something, and most where a colour is stored once for four pixels.
_LOSSY, _PALETTE = 4.0, 12.0

_COLOUR = Image.fromarray(PICTURE)
_GREY = np.asarray(_COLOUR.convert("L"))
_AS_GREY = np.repeat(_GREY[:, :, np.newaxis], 3, axis=2)
_BLACK_AND_WHITE = _COLOUR.convert("1")
_ALPHA = Image.fromarray(np.dstack([PICTURE, np.indices((48, 64))[1].astype(np.uint8) * 4]))

#: How an upright picture is stored so that this EXIF orientation turns it upright again.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.array(image.convert("RGB"))


def _others(count: int) -> list[Image.Image]:
    """Frames that come after the first. Pillow notes in a picture how it was written last."""
    return [Image.fromarray(scene(4)) for _ in range(count)]


def whole_pictures() -> Iterator[OddImage]:
    yield from _jpegs()
    yield from _pngs()
    yield from _gifs()
    yield from _tiffs()
    yield from _bitmaps()
    yield from _webps()
    yield from _turned()
    yield from _narrow()


def _jpegs() -> Iterator[OddImage]:
    def jpeg(name: str, picture: Image.Image = _COLOUR, **options: Any) -> OddImage:
        data = encoded(picture.copy(), "JPEG", quality=95, **options)
        shown = _AS_GREY if picture.mode == "L" else PICTURE
        return OddImage(f"jpeg/{name}.jpg", data, shown, _LOSSY)

    yield jpeg("plain")
    yield jpeg("progressive", progressive=True)
    yield jpeg("one colour for four pixels", subsampling=2)
    yield jpeg("restarts", restart_marker_rows=1)
    yield jpeg("grey", _COLOUR.convert("L"))
    yield jpeg("grey and progressive", _COLOUR.convert("L"), progressive=True)
    yield jpeg("cmyk", _COLOUR.convert("CMYK"))
    yield jpeg("cmyk and progressive", _COLOUR.convert("CMYK"), progressive=True)
    yield jpeg("a profile of 300 kB", icc_profile=bytes(300_000))
    yield jpeg("a comment", comment=b"\xff" * 60_000)
    data = encoded(_COLOUR.copy(), "MPO", quality=95, save_all=True, append_images=_others(1))
    yield OddImage("jpeg/stereo.mpo", data, PICTURE, _LOSSY)
    plain = jpeg("").data
    yield OddImage("jpeg/notes behind it.jpg", plain + b"maker's notes" * 99, PICTURE, _LOSSY)
    yield OddImage("jpeg/called a png.png", plain, PICTURE, _LOSSY)
    yield OddImage("jpeg/no suffix", plain, PICTURE, _LOSSY)


def _pngs() -> Iterator[OddImage]:
    for mode in ("RGB", "L", "LA", "1", "P"):
        picture = _COLOUR.convert(mode)
        yield OddImage(f"png/{mode}.png", encoded(picture, "PNG"), rgb(picture))
    palette = _COLOUR.convert("P")
    for name, clear in (("one colour", 3), ("many colours", bytes(range(256)))):
        data = encoded(palette, "PNG", transparency=clear)
        yield OddImage(f"png/palette and alpha, {name}.png", data, rgb(palette))
    yield OddImage("png/alpha.png", encoded(_ALPHA, "PNG"), PICTURE)
    yield OddImage(
        "png/grey of 16 bits.png", encoded(_GREY.astype(np.uint16) * 257, "PNG"), _AS_GREY
    )
    for name, pixels in (("colour", PICTURE), ("alpha", np.asarray(_ALPHA))):
        data = by_opencv(".png", pixels.astype(np.uint16) * 257)
        yield OddImage(f"png/{name} of 16 bits.png", data, PICTURE)
    data = png((64, 48), interlaced_rows(PICTURE), interlaced=True)
    yield OddImage("png/interlaced.png", data, PICTURE)
    data = encoded(_COLOUR.copy(), "PNG", save_all=True, append_images=_others(2))
    yield OddImage("png/animated.png", data, PICTURE)


def by_opencv(suffix: str, pixels: npt.NDArray[Any]) -> bytes:
    """Pillow writes no colours of 16 bits. OpenCV has blue first."""
    order = [2, 1, 0, 3][: pixels.shape[2]]
    done, data = cv2.imencode(suffix, pixels[:, :, order])
    assert done
    return data.tobytes()


def interlaced_rows(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The seven pictures of Adam7, one after the other. Source: PNG (third edition), 8.1."""
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2))
    passes = (*starts, (0, 1, 2, 2), (1, 0, 2, 1))
    parts = (pixels[top::down, left::right] for top, left, down, right in passes)
    return b"".join(b"\0" + row.tobytes() for part in parts for row in part)


def _gifs() -> Iterator[OddImage]:
    plain = encoded(_COLOUR.copy(), "GIF")
    yield OddImage("gif/plain.gif", plain, PICTURE, _PALETTE)
    yield OddImage("gif/of 1987.gif", plain.replace(b"GIF89a", b"GIF87a"), PICTURE, _PALETTE)
    moving = encoded(_COLOUR.copy(), "GIF", save_all=True, append_images=_others(3), loop=0)
    yield OddImage("gif/animated.gif", moving, PICTURE, _PALETTE)
    clear = encoded(_COLOUR.quantize(200), "GIF", transparency=7)
    yield OddImage("gif/transparent.gif", clear, PICTURE, _PALETTE)
    yield OddImage("gif/grey.gif", encoded(_COLOUR.convert("L"), "GIF"), _AS_GREY)


def _tiffs() -> Iterator[OddImage]:
    def tiff(name: str, picture: Image.Image = _COLOUR, **options: Any) -> OddImage:
        off_by = _LOSSY if options.get("compression") == "jpeg" else 0.0
        data = encoded(picture.copy(), "TIFF", **options)
        return OddImage(f"tiff/{name}.tif", data, rgb(picture), off_by)

    yield tiff("plain")
    for packed in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield tiff(packed, compression=packed)
    yield tiff("jpeg", compression="jpeg", quality=95)
    yield tiff("fax", _BLACK_AND_WHITE, compression="group4")
    yield tiff("big", big_tiff=True)
    yield tiff("pages", save_all=True, append_images=_others(2))
    for mode in ("CMYK", "LA", "RGBA", "YCbCr", "P"):
        yield tiff(mode, _COLOUR.convert(mode))
    grey = _GREY.astype(np.uint16) * 257
    yield OddImage("tiff/grey of 16 bits.tif", encoded(grey, "TIFF"), _AS_GREY)
    yield OddImage("tiff/Motorola's 16 bits.tif", encoded(grey.astype(">u2"), "TIFF"), _AS_GREY)
    colour = by_opencv(".tif", PICTURE.astype(np.uint16) * 257)
    yield OddImage("tiff/colour of 16 bits.tif", colour, PICTURE)
    yield _heat("tiff/a thermal camera's numbers.tif")


def _heat(name: str) -> OddImage:
    """Degrees as fractions: the coldest is black, the warmest white."""
    degrees = np.linspace(-20.0, 40.0, 256, dtype=np.float32).reshape(16, 16)
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    return OddImage(name, encoded(degrees, "TIFF"), grey)


def _bitmaps() -> Iterator[OddImage]:
    for mode in ("RGB", "L", "1", "P"):
        picture = _COLOUR.convert(mode)
        yield OddImage(f"bmp/{mode}.bmp", encoded(picture, "BMP"), rgb(picture))
    data = bytearray(encoded(np.ascontiguousarray(PICTURE[::-1]), "BMP"))
    data[22:26] = (-48).to_bytes(4, "little", signed=True)  # rows from the top
    yield OddImage("bmp/from the top.bmp", bytes(data), PICTURE)


def _webps() -> Iterator[OddImage]:
    yield OddImage("webp/plain.webp", encoded(_COLOUR.copy(), "WEBP", quality=95), PICTURE, _LOSSY)
    yield OddImage("webp/lossless.webp", encoded(_COLOUR.copy(), "WEBP", lossless=True), PICTURE)
    clear = encoded(_ALPHA, "WEBP", lossless=True, exact=True)
    yield OddImage("webp/alpha.webp", clear, PICTURE)
    moving = encoded(_COLOUR.copy(), "WEBP", lossless=True, save_all=True, append_images=_others(3))
    yield OddImage("webp/animated.webp", moving, PICTURE)


def _turned() -> Iterator[OddImage]:
    for file_format, off_by in (("JPEG", _LOSSY), ("PNG", 0.0), ("TIFF", 0.0), ("WEBP", 0.0)):
        how = {"quality": 95} if file_format == "JPEG" else {}
        how |= {"lossless": True} if file_format == "WEBP" else {}
        for number, turn in STORED.items():
            picture = _COLOUR.copy() if turn is None else _COLOUR.transpose(turn)
            data = encoded(picture, file_format, exif=exif_bytes(orientation=number), **how)
            yield OddImage(f"turned/{file_format} {number}", data, PICTURE, off_by)


def _narrow() -> Iterator[OddImage]:
    for width, height in ((1, 1), (1, 3000), (3000, 1), (2, 3)):
        pixels = scene(5, width, height)
        for file_format, off_by in (("JPEG", 20.0), ("PNG", 0.0), ("TIFF", 0.0), ("BMP", 0.0)):
            data = encoded(pixels, file_format)
            yield OddImage(f"narrow/{width} x {height}.{file_format}", data, pixels, off_by)
        data = encoded(pixels, "WEBP", lossless=True)
        yield OddImage(f"narrow/{width} x {height}.WEBP", data, pixels)
