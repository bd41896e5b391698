"""Pictures that came to harm: cut off anywhere, bent, contradicting themselves, going in rings."""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from core.failures import FailureCode
from detection.detector import RgbImage
from tests.odd.base import PICTURE, OddImage, data_at, png, tiff
from tests.pictures import encoded, jpeg, scene

_CUT = FailureCode.TRUNCATED
_BENT = FailureCode.CORRUPT

_JPEG = encoded(PICTURE, "JPEG", quality=95)
_LOSSY = 4.0
#: In how many places the picture of a camera is cut.
CUTS = 60


def damaged_pictures() -> Iterator[OddImage]:
    yield from _cut_off()
    yield from _bent()
    yield from _in_rings()
    yield from _bad_exif()


def _cut_off() -> Iterator[OddImage]:
    camera = jpeg(6, 320, 240, quality=90)
    for number in range(CUTS):
        at = 3 + (len(camera) - 6) * number // (CUTS - 1)
        yield OddImage(f"cut/at byte {at}.jpg", camera[:at], _CUT)
    progressive = jpeg(6, 320, 240, quality=90, progressive=True)
    for tenth in range(1, 10):
        data = progressive[: len(progressive) * tenth // 10]
        yield OddImage(f"cut/progressive at {tenth} of 10.jpg", data, _CUT)
    picture = scene(6, 200, 150)
    for kind in ("PNG", "GIF", "TIFF", "BMP", "WEBP"):
        whole = encoded(picture, kind)
        for tenth in (1, 5, 9):
            data = whole[: len(whole) * tenth // 10]
            yield OddImage(f"cut/{kind} at {tenth} of 10", data, _CUT)
    yield OddImage("cut/closed too early.jpg", camera[: len(camera) // 2] + b"\xff\xd9", _CUT)
    middle = len(camera) // 2
    yield OddImage("cut/filled with zeros.jpg", camera[:middle] + bytes(middle), _CUT)


def _bent() -> Iterator[OddImage]:
    yield from _bent_jpegs()
    yield from _bent_pngs()
    whole = bytearray(encoded(PICTURE, "GIF"))
    whole[6:10] = bytes(4)  # a screen of no size; the frame has one
    yield OddImage("bent/screen of no size.gif", bytes(whole), PICTURE, 12.0)
    flat = bytearray(encoded(PICTURE, "BMP"))
    flat[18:22] = bytes(4)
    yield OddImage("bent/no width.bmp", bytes(flat), _BENT)
    flat = bytearray(encoded(PICTURE, "BMP"))
    flat[28:30] = (23).to_bytes(2, "little")
    yield OddImage("bent/23 bits a pixel.bmp", bytes(flat), FailureCode.UNSUPPORTED_FORMAT)
    plain = encoded(PICTURE, "WEBP", lossless=True)
    yield OddImage("bent/zeros.webp", plain[:30] + bytes(len(plain) - 30), _BENT)


def _bent_jpegs() -> Iterator[OddImage]:
    yield OddImage("bent/start and end alone.jpg", b"\xff\xd8\xff\xd9", _BENT)
    tables = _JPEG.index(b"\xff\xc4") + 5
    bent = _JPEG[:tables] + b"\xff" * 16 + _JPEG[tables + 16 :]
    yield OddImage("bent/impossible code table.jpg", bent, _BENT)
    size = _JPEG.index(b"\xff\xc0") + 5  # height, then width; source: JPEG (T.81), B.2.2
    for name, at in (("height", size), ("width", size + 2)):
        data = bytearray(_JPEG)
        data[at : at + 2] = bytes(2)
        yield OddImage(f"bent/no {name}.jpg", bytes(data), _BENT)
    twelve = bytearray(_JPEG)
    twelve[size - 1] = 12
    yield OddImage("bent/12 bits.jpg", bytes(twelve), FailureCode.UNSUPPORTED_FORMAT)
    scans = with_an_impossible_scan(encoded(PICTURE, "JPEG", progressive=True))
    yield OddImage("bent/impossible scan.jpg", scans, _BENT)
    junk = _JPEG.replace(b"\xff\xda", b"junk\xff\xda", 1)
    yield OddImage("bent/junk before the scan.jpg", junk, PICTURE, _LOSSY)
    restarts = encoded(PICTURE, "JPEG", restart_marker_rows=1).replace(b"\xff\xd1", b"\xff\xd5", 1)
    yield OddImage("bent/restarts out of turn.jpg", restarts, _BENT)


def with_an_impossible_scan(progressive: bytes) -> bytes:
    """Its last scan starts behind its own end, after a few bytes too many: a remark, then an error.

    Source: JPEG (T.81), B.2.3.
    """
    at = progressive.rindex(b"\xff\xda")
    data = bytearray(progressive[:at] + b"junk" + progressive[at:])
    start = at + 8
    data[start + 1 + 2 * data[start]] = 71
    return bytes(data)


def _bent_pngs() -> Iterator[OddImage]:
    whole = bytearray(encoded(PICTURE, "PNG"))
    whole[len(whole) // 2] ^= 0xFF
    yield OddImage("bent/wrong checksum.png", bytes(whole), _BENT)
    rows = b"".join(b"\0" + row.tobytes() for row in PICTURE)
    yield OddImage("bent/too many rows.png", png((64, 48), rows * 3), PICTURE)
    yield OddImage("bent/no width.png", png((0, 48), rows), _BENT)
    yield OddImage("bent/filter 9.png", png((64, 48), b"\x09" + rows[1:]), _BENT)
    yield OddImage("bent/3 bits a colour.png", png((64, 48), rows, depth=3), _BENT)


_STRIP = PICTURE.tobytes()
_BITS = struct.pack("<HHH", 8, 8, 8)


def _entries(*more: tuple[int, int, int, int]) -> tuple[tuple[int, int, int, int], ...]:
    """A directory that describes PICTURE, whose pixels and bits stand behind it."""
    count = 8 + len(more)
    at = data_at(count)
    return (
        *((256, 4, 1, 64), (257, 4, 1, 48), (258, 3, 3, at), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 1, at + 6), (277, 3, 1, 3), (279, 4, 1, len(_STRIP))),
        *more,
    )


def _tiff_of(*more: tuple[int, int, int, int], following: int = 0, behind: bytes = b"") -> bytes:
    return tiff(*_entries(*more), following=following, data=_BITS + _STRIP + behind)


def _in_rings() -> Iterator[OddImage]:
    """Directories that lead to themselves, and tags that count beyond measure."""
    most = 0xFFFFFFFF
    for name, data, expected in (
        ("plain", _tiff_of(), PICTURE),
        ("a next page that is this one", _tiff_of(following=8), PICTURE),
        ("a next page behind the end", _tiff_of(following=most), PICTURE),
        ("a directory within that is this one", _tiff_of((330, 4, 1, 8)), PICTURE),
        ("EXIF that is this directory", _tiff_of((34665, 4, 1, 8)), PICTURE),
        ("a place that is this directory", _tiff_of((34853, 4, 1, 8)), PICTURE),
        ("a note of 4 GB", _tiff_of((270, 2, most, 8)), PICTURE),
        ("four thousand million strips", _bent_entry(273, (273, 4, most, 8)), _CUT),
        ("its first directory behind the end", b"II*\0\xf0\xff\xff\xff" + bytes(100), _CUT),
        ("its first directory in its head", b"II*\0\0\0\0\0" + bytes(100), _CUT),
        ("65,535 tags", b"II*\0\x08\0\0\0\xff\xff" + bytes(600), _CUT),
        ("no tags", b"II*\0\x08\0\0\0\0\0" + bytes(600), _BENT),
        ("a pointer of 8 EB", b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(100), _CUT),
        ("no pixels to a row", _bent_entry(256, (256, 4, 1, 0)), _BENT),
    ):
        yield OddImage(f"rings/{name}.tif", data, expected)


def _bent_entry(tag: int, instead: tuple[int, int, int, int]) -> bytes:
    kept = [entry for entry in _entries() if entry[0] != tag]
    return tiff(*kept, instead, data=_BITS + _STRIP)


def _bad_exif() -> Iterator[OddImage]:
    """What stands in the EXIF data of a picture never costs the picture."""
    orientation = (274, 3, 1, 6)
    turned = np.ascontiguousarray(np.rot90(PICTURE, -1))
    cases: tuple[tuple[str, bytes, RgbImage], ...] = (
        ("that is noise", bytes(range(256)), PICTURE),
        ("of no bytes", b"", PICTURE),
        ("that leads to itself", tiff((34665, 4, 1, 8), (34853, 4, 1, 8), following=8), PICTURE),
        ("that leads to itself, turned", tiff((34665, 4, 1, 8), orientation, following=8), turned),
        ("of 4 GB", tiff((306, 2, 0xFFFFFFFF, 8), orientation), turned),
        ("whose turn is a word", tiff((274, 2, 4, 0x39393939)), PICTURE),
        ("whose turn is 9", tiff((274, 3, 1, 9)), PICTURE),
        ("whose turn is a fraction of nothing", tiff((274, 5, 1, 26), data=bytes(8)), PICTURE),
        ("of 65,535 tags", b"II*\0\x08\0\0\0\xff\xff" + bytes(2000), PICTURE),
    )
    for name, exif, shown in cases:
        data = encoded(Image.fromarray(PICTURE), "JPEG", quality=95, exif=b"Exif\0\0" + exif)
        yield OddImage(f"exif/{name}.jpg", data, shown, _LOSSY)
