"""Small files that promise, or unpack to, more than any machine holds."""

import struct
from collections.abc import Iterator

import numpy as np

from core.failures import FailureCode
from tests.odd.base import PICTURE, OddImage, deflated_zeros, png, png_chunk, tiff
from tests.pictures import encoded, jpeg

_TOO_LARGE = FailureCode.IMAGE_TOO_LARGE
_ROWS = b"".join(b"\0" + row.tobytes() for row in PICTURE)
#: To how much a text or a profile of a few bytes unpacks.
UNPACKED = 128 << 20


def headers() -> Iterator[OddImage]:
    """Headers that promise more pixels than are read; each is refused before any is decoded."""
    yield OddImage("bomb/of 65,500 x 65,500.jpg", _jpeg_of(65_500, 65_500), _TOO_LARGE)
    yield OddImage("bomb/of 20,000 x 10,001.jpg", _jpeg_of(20_000, 10_001), _TOO_LARGE)
    yield OddImage("bomb/of 50,000 x 50,000.png", png((50_000, 50_000), b""), _TOO_LARGE)
    yield OddImage("bomb/of 2 thousand million a side.png", png((2**31 - 1,) * 2, b""), _TOO_LARGE)
    moving = bytearray(encoded(PICTURE, "GIF"))
    moving[6:10] = b"\xff" * 4
    yield OddImage("bomb/of 65,535 x 65,535.gif", bytes(moving), _TOO_LARGE)
    flat = bytearray(encoded(PICTURE, "BMP"))
    flat[18:26] = struct.pack("<ll", 2**31 - 1, 2**31 - 1)
    yield OddImage("bomb/of 2 thousand million a side.bmp", bytes(flat), _TOO_LARGE)
    yield OddImage("bomb/of 100,000 x 100,000.tif", _tiff_of(100_000, 100_000), _TOO_LARGE)
    yield OddImage("bomb/of 16,383 x 16,383.webp", _webp_of(16_383, 16_383), _TOO_LARGE)
    # Whole and honest: 250 million black pixels in 40 kB.
    black = png((25_000, 10_000), bytes((25_000 // 8 + 1) * 10_000), depth=1, colour=0)
    yield OddImage("bomb/250 million pixels.png", black, _TOO_LARGE)


def stuffed() -> Iterator[OddImage]:
    """Small pictures with what unpacks to far more beside the pixels, or in their place."""
    zeros = deflated_zeros(UNPACKED)
    for kind, before in (
        ("text", png_chunk(b"zTXt", b"Comment\0\0" + zeros)),
        ("text of the world", png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros)),
        ("profile", png_chunk(b"iCCP", b"name\0\0" + zeros)),
        ("raw EXIF", png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zeros)),
        # Each is below what Pillow takes of one text; together they are above what it takes of all.
        ("texts", png_chunk(b"zTXt", b"Comment\0\0" + deflated_zeros(1 << 20)) * 100),
    ):
        data = png((64, 48), _ROWS, before=before)
        yield OddImage(f"bomb/{kind} that unpacks.png", data, FailureCode.CORRUPT)
    header = struct.pack(">LLBBBBB", 64, 48, 8, 2, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zeros) + png_chunk(b"IEND", b"")
    black = np.zeros_like(PICTURE)
    yield OddImage("bomb/pixels without end.png", b"\x89PNG\r\n\x1a\n" + chunks, black)
    entries = (
        *((256, 4, 1, 64), (257, 4, 1, 48), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)),
        *((273, 4, 1, 110), (277, 3, 1, 1), (279, 4, 1, len(zeros))),
    )
    yield OddImage("bomb/strip without end.tif", tiff(*entries, data=zeros), black)


def of_120_megapixels() -> bytes:
    """12,000 x 10,000, black, in 15 kB: above what Pillow warns of, below what is refused here."""
    rows = bytes((12_000 // 8 + 1) * 10_000)
    return png((12_000, 10_000), rows, depth=1, colour=0)


def _jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(jpeg())
    size = data.index(b"\xff\xc0") + 5  # height, then width; source: JPEG (T.81), B.2.2
    data[size : size + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _tiff_of(width: int, height: int) -> bytes:
    entries = (
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
        *((273, 4, 1, 8), (277, 3, 1, 1), (279, 4, 1, 100)),
    )
    return tiff(*entries)


def _webp_of(width: int, height: int) -> bytes:
    """Lossless, by the header alone. Source: RFC 9649, 3.4."""
    data = bytearray(encoded(PICTURE, "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    data[at : at + 4] = (width - 1 | (height - 1) << 14).to_bytes(4, "little")
    return bytes(data)
