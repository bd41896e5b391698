"""What opens the header of a picture, by its format, and what its header tells."""

from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from core.picture_formats import format_of

Opener = Callable[[BytesIO], ImageFile.ImageFile]

# Pillow's classes are called directly, since `Image.open` compares sizes with a limit that is one
# for the whole process; ours are in DecodeOptions. `JpegImageFile` also reads the first picture of
# an MPO, which stereo and some phone cameras write.
_OPENERS: Mapping[str, Opener] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "gif": GifImageFile,
    "tiff": TiffImageFile,
    "bmp": BmpImageFile,
    "webp": WebPImageFile,
}


def ends_early(data: bytes) -> bool:
    """Whether a WebP is shorter than it says, which its decoder does not tell from other damage."""
    return data[:4] == b"RIFF" and len(data) - 8 < int.from_bytes(data[4:8], "little")


def opener(data: bytes) -> Opener | None:
    """What reads the header of this file; None where its format is not one that is read."""
    found = format_of(data)
    return _OPENERS[found] if found else None


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
