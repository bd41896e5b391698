"""Which picture formats are read, told by a file's first bytes and never by its name."""

from collections.abc import Callable
from io import BytesIO

from PIL import ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

Opener = Callable[[BytesIO], ImageFile.ImageFile]

# (first bytes, opener). Pillow's classes are called directly, since `Image.open` compares sizes
# with a limit that is one for the whole process; ours are in DecodeOptions. `JpegImageFile` also
# reads the first picture of an MPO, which stereo and some phone cameras write.
_READ: tuple[tuple[bytes, Opener], ...] = (
    (b"\xff\xd8\xff", JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImageFile),
    (b"GIF87a", GifImageFile),
    (b"GIF89a", GifImageFile),
    (b"II*\0", TiffImageFile),
    (b"MM\0*", TiffImageFile),
    (b"II+\0", TiffImageFile),
    (b"MM\0+", TiffImageFile),
)

# Many a text begins with "BM"; a bitmap goes on with one of these header sizes at byte 14.
_BMP_HEADERS = frozenset(size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124))

# (offset, bytes) of pictures that are known and not read: camera raw files, HEIC and its kin.
_NOT_READ: tuple[tuple[int, bytes], ...] = (
    (8, b"CR\x02\0"),  # Canon CR2, which begins as a TIFF
    (0, b"IIRO"),  # Olympus ORF
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),  # Panasonic RW2
    (0, b"FUJIFILMCCD-RAW"),
    (0, b"FOVb"),  # Sigma X3F
    (0, b"\0MRM"),  # Minolta MRW
    (0, b"\0\0\0\x0cjP  \r\n"),  # JPEG 2000
    (0, b"\xff\x4f\xff\x51"),
    (0, b"\0\0\0\x0cJXL \r\n"),
    (0, b"\xff\x0a"),
    (0, b"8BPS"),  # Photoshop
    *((4, b"ftyp" + brand) for brand in (b"hei", b"hev", b"mif1", b"msf1", b"avi", b"crx ")),
)


def ends_early(data: bytes) -> bool:
    """Whether a WebP is shorter than it says, which its decoder does not tell from other damage."""
    return data[:4] == b"RIFF" and len(data) - 8 < int.from_bytes(data[4:8], "little")


def opener(data: bytes) -> Opener | None:
    """What reads the header of this file; None where its format is not one that is read."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WebPImageFile
    if data[:2] == b"BM" and data[14:18] in _BMP_HEADERS:
        return BmpImageFile
    if is_known_but_not_read(data):
        return None
    return next((read for magic, read in _READ if data.startswith(magic)), None)


def is_known_but_not_read(data: bytes) -> bool:
    return any(data.startswith(magic, offset) for offset, magic in _NOT_READ)


def is_jpeg(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8\xff")


# TIFF tags of files that are camera raw data with a small preview in front (NEF, ARW, DNG).
# Source: TIFF 6.0, NewSubfileType (bit 0: a reduced copy of another picture of the file); DNG 1.4.
_NEW_SUBFILE_TYPE, _DNG_VERSION = 254, 50706


def is_raw_tiff(header: ImageFile.ImageFile) -> bool:
    """Whether the first picture of a TIFF is but the preview of raw data, which is not read."""
    if not isinstance(header, TiffImageFile):
        return False
    tags = header.tag_v2
    return _DNG_VERSION in tags or bool(int(tags.get(_NEW_SUBFILE_TYPE, 0)) & 1)
