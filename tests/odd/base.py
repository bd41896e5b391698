"""What an odd file is, and what it must become."""

import dataclasses
import struct
import zlib

from core.failures import FailureCode
from detection.detector import RgbImage
from tests.pictures import scene

#: What the good ones of the corpus show, 48 x 64 x 3, where they say nothing else.
PICTURE = scene(3)


@dataclasses.dataclass(frozen=True, eq=False)
class OddImage:
    """A file, and what reading it must give: a picture, or the code that says why there is none."""

    name: str
    data: bytes
    expected: RgbImage | FailureCode
    #: How far the picture may be off: mean difference of a colour, of 255. 0 for the same pixels.
    off_by: float = 0.0


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Source: PNG (third edition), 5.3."""
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png(
    size: tuple[int, int],
    rows: bytes,
    *,
    depth: int = 8,
    colour: int = 2,
    interlaced: bool = False,
    before: bytes = b"",
) -> bytes:
    """A PNG of these rows, each with its filter byte; `before`: chunks that stand before them."""
    header = struct.pack(">LLBBBBB", *size, depth, colour, 0, 0, interlaced)
    chunks = png_chunk(b"IHDR", header) + before + png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunks + png_chunk(b"IEND", b"")


def deflated_zeros(size: int) -> bytes:
    """So many zero bytes, packed as zlib does, without holding them."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(size >> 20)]
    return b"".join((*parts, packer.flush()))


def tiff(*entries: tuple[int, int, int, int], following: int = 0, data: bytes = b"") -> bytes:
    """A little-endian TIFF: entries (tag, type, count, value) of its one directory, then data.

    `following` is where the next directory is said to be. `data` begins at `data_at(entries)`.
    Source: TIFF 6.0, section 2.
    """
    packed = b"".join(struct.pack("<HHLL", *entry) for entry in sorted(entries))
    head = b"II*\0" + struct.pack("<LH", 8, len(entries))
    return head + packed + struct.pack("<L", following) + data


def data_at(entries: int) -> int:
    """Where the data of such a TIFF begins."""
    return 8 + 2 + 12 * entries + 4
