"""Bytes in, an upright RGB picture out, or the ImageFailure that says why not.

Decoding never changes a setting of the process, so that any number of threads can decode at once.
"""

import dataclasses
import struct
from io import BytesIO
from typing import Any

import msgspec
import numpy as np
import simplejpeg
from PIL import Image, ImageFile

from core.failures import FailureCode, ImageFailure
from core.jobs import Preprocessing, TruncatedImages
from core.picture_formats import is_known_but_not_read
from detection.cut_off import was_cut_off
from detection.detector import RgbImage
from detection.exif import ExifFacts, read_exif
from detection.file_formats import ends_early, is_jpeg, is_raw_tiff, opener
from detection.pixels import rgb_pixels, upright

#: Width and height to which the service of 2019 resized each picture before detection.
LEGACY_SIZE = (1024, 600)

# What libjpeg says of data that ends too early, and of files that decode to the right picture all
# the same. All else is of data that is damaged. Source: libjpeg-turbo, `jerror.h`.
_JPEG_ENDS_EARLY = "premature end"
_JPEG_IS_WHOLE = (
    *("extraneous bytes", "bad icc marker", "unknown jfif revision", "unknown adobe color"),
    *("inconsistent progression", "invalid sos parameters"),
)


class DecodeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How pictures are decoded; the same for all pictures of a job."""

    #: What becomes of a file that was cut off: a failure, or a picture padded where it ends.
    truncated_images: TruncatedImages = "fail"
    #: `native` keeps the size and turns the picture upright; `legacy-2019` does as that service.
    preprocessing: Preprocessing = "native"
    #: Whether latitude and longitude are read.
    gps: bool = False
    #: EXIF tags that are read, by their names.
    exif_tags: tuple[str, ...] = ()
    #: Larger files are not opened, bytes.
    max_file_bytes: int = 100_000_000
    #: Pictures whose header promises more are not decoded. (Pillow itself takes no TIFF and no
    #: WebP above 179 million, whatever stands here.)
    max_pixels: int = 200_000_000


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """A picture as the detector sees it, and what its file told about it."""

    #: Height x width x 3, uint8.
    pixels: RgbImage
    #: Pixels of the upright picture, before any resizing.
    width: int
    height: int
    #: `YYYY-MM-DD HH:MM:SS` by the camera's clock.
    datetime: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    #: The file was cut off, and what was missing was padded.
    truncated: bool = False
    #: The EXIF tags that were asked for and are there; None where none was asked for.
    exif: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class OpenedImage:
    """A picture whose header was read and found acceptable, and whose pixels were not decoded."""

    data: bytes
    header: ImageFile.ImageFile

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the picture once it is decoded to RGB."""
        return self.header.width * self.header.height * 3


def decode_image(data: bytes, options: DecodeOptions) -> DecodedImage | ImageFailure:
    """The picture in a file's bytes, or why there is none. Raises nothing that the bytes cause."""
    opened = open_image(data, options)
    return opened if isinstance(opened, ImageFailure) else decode(opened, options)


def open_image(data: bytes, options: DecodeOptions) -> OpenedImage | ImageFailure:
    """Read the header, so that the picture's size is known before anything is decoded."""
    try:
        return OpenedImage(data, _header(data, options))
    except _Unusable as error:
        return ImageFailure(error.code)
    except Exception as error:  # a damaged header makes Pillow raise errors of many kinds
        return ImageFailure(_unless_cut_off(_why_not_opened(error), data))


def _header(data: bytes, options: DecodeOptions) -> ImageFile.ImageFile:
    if not data:
        raise _Unusable(FailureCode.EMPTY_FILE)
    if len(data) > options.max_file_bytes:
        raise _Unusable(FailureCode.FILE_TOO_LARGE)
    read_header = opener(data)
    if read_header is None:
        known = is_known_but_not_read(data)
        raise _Unusable(FailureCode.UNSUPPORTED_FORMAT if known else FailureCode.NOT_AN_IMAGE)
    if ends_early(data):
        raise _Unusable(FailureCode.TRUNCATED)
    header = read_header(BytesIO(data))
    if is_raw_tiff(header):
        raise _Unusable(FailureCode.UNSUPPORTED_FORMAT)
    if header.width * header.height > options.max_pixels:
        raise _Unusable(FailureCode.IMAGE_TOO_LARGE)
    return header


def decode(opened: OpenedImage, options: DecodeOptions) -> DecodedImage | ImageFailure:
    """Decode an opened picture, turn it upright, and read what its EXIF data tells."""
    accept = options.truncated_images == "accept"
    try:
        pixels, truncated = _decoded_pixels(opened, accept)
        facts = read_exif(opened.header, options.exif_tags)
        if options.preprocessing == "native":
            pixels = upright(pixels, facts.orientation)
    except _Unusable as error:
        return ImageFailure(error.code)
    except Exception as error:  # decoders raise errors of many kinds on damaged data
        return ImageFailure(_unless_cut_off(_why_not_decoded(error), opened.data))
    return _described(pixels, truncated, facts, options)


def _described(
    pixels: RgbImage, truncated: bool, facts: ExifFacts, options: DecodeOptions
) -> DecodedImage:
    height, width = pixels.shape[:2]
    latitude, longitude = (options.gps and facts.position) or (None, None)
    if options.preprocessing == "legacy-2019":
        pixels = _legacy(pixels)
    return DecodedImage(
        pixels=pixels,
        width=width,
        height=height,
        datetime=facts.taken_at,
        latitude=latitude,
        longitude=longitude,
        truncated=truncated,
        exif=facts.tags,
    )


def _legacy(pixels: RgbImage) -> RgbImage:
    # Pillow before 7.0 (January 2020) took the nearest pixel where no filter was named.
    resized = Image.fromarray(pixels).resize(LEGACY_SIZE, Image.Resampling.NEAREST)
    return np.asarray(resized)


def _decoded_pixels(opened: OpenedImage, accept: bool) -> tuple[RgbImage, bool]:
    """RGB pixels as the file stores them, and whether a part of them had to be padded."""
    # simplejpeg gives the same pixels as Pillow in less time, but knows no CMYK.
    if is_jpeg(opened.data) and opened.header.mode in {"L", "RGB"}:
        return _jpeg_pixels(opened, accept)
    truncated = _load(opened.header, accept)
    return rgb_pixels(opened.header), truncated


def _jpeg_pixels(opened: OpenedImage, accept: bool) -> tuple[RgbImage, bool]:
    try:
        return simplejpeg.decode_jpeg(opened.data, "RGB"), False
    except ValueError as error:
        remark = str(error).lower()
    truncated = _JPEG_ENDS_EARLY in remark or was_cut_off(opened.data)
    decodes = any(words in remark for words in (_JPEG_ENDS_EARLY, *_JPEG_IS_WHOLE))
    if truncated and not (accept and decodes):
        raise _Unusable(FailureCode.TRUNCATED)
    if not decodes:
        # Where libjpeg gives up after a mere remark, simplejpeg (1.9) hands out memory that nobody
        # wrote to, which may hold another picture.
        raise _Unusable(FailureCode.CORRUPT)
    if truncated:
        return simplejpeg.decode_jpeg(opened.data, "RGB", strict=False), True
    # simplejpeg refuses a remark about the header however it is asked.
    opened.header.load()
    return rgb_pixels(opened.header), False


def _load(image: ImageFile.ImageFile, accept: bool) -> bool:
    """Decode with Pillow; True where the data ended early and that is acceptable."""
    try:
        image.load()
    except Exception as error:
        if not accept or _why_not_decoded(error) != FailureCode.TRUNCATED:
            raise
        # Without open tiles Pillow takes what was decoded so far for the whole picture.
        image.tile = []
        image.load()
        return True
    return False


class _Unusable(Exception):
    def __init__(self, code: FailureCode) -> None:
        super().__init__(code)
        self.code = code


def _unless_cut_off(code: FailureCode, data: bytes) -> FailureCode:
    # A decoder takes a file that ends between two of its parts for damaged, or for an unknown kind.
    doubtful = code in (FailureCode.CORRUPT, FailureCode.UNSUPPORTED_FORMAT)
    return FailureCode.TRUNCATED if doubtful and was_cut_off(data) else code


# The last is of a JPEG: "cannot handle 12-bit layers".
_NOT_SUPPORTED = ("unknown", "nsupported", "cannot handle")
_OUT_OF_BYTES = (EOFError, IndexError, struct.error)


def _why_not_opened(error: Exception) -> FailureCode:
    # Pillow wraps what went wrong in a SyntaxError; the cause tells more.
    cause = error.__cause__ or error
    if isinstance(cause, KeyError) or any(words in str(error) for words in _NOT_SUPPORTED):
        return FailureCode.UNSUPPORTED_FORMAT
    if "Missing dimensions" in str(cause):  # of a TIFF
        return FailureCode.CORRUPT
    if isinstance(cause, TypeError):  # raised where a byte was asked for and there was none
        return FailureCode.TRUNCATED
    return _why_not_decoded(cause)


def _why_not_decoded(error: BaseException) -> FailureCode:
    if isinstance(error, MemoryError | Image.DecompressionBombError):
        return FailureCode.IMAGE_TOO_LARGE
    if isinstance(error, _OUT_OF_BYTES) or "truncated" in str(error).lower():
        return FailureCode.TRUNCATED
    if isinstance(error, NotImplementedError) or "conversion from" in str(error):
        return FailureCode.UNSUPPORTED_FORMAT
    return FailureCode.CORRUPT
