"""Target: the bytes of an image. Out comes a picture, or a code that says why there is none."""

import re
from collections.abc import Iterator

import msgspec
import numpy as np

from core.failures import OF_THE_FILE, ImageFailure
from detection.exif_tags import TAGS
from detection.images import DecodedImage, DecodeOptions, decode_image
from tests.fuzz.targets import LONGEST
from tests.odd.corpus import odd_images
from tests.pictures import encoded, exif_bytes, scene

# So few that a picture of as many takes no time.
_MOST_PIXELS = 1 << 20
_STRICT = DecodeOptions(max_pixels=_MOST_PIXELS, gps=True, exif_tags=tuple(TAGS))
_LENIENT = msgspec.structs.replace(_STRICT, truncated_images="accept")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def seeds() -> Iterator[bytes]:
    """Of the odd files those that are small, and small pictures of every format."""
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"):
        exif = exif_bytes(orientation=6, taken_at="2026:05:02 06:11:54", gps={1: "N", 2: (1, 2, 3)})
        yield encoded(scene(1, 9, 7), kind, exif=exif)
    yield from (odd.data for odd in odd_images() if len(odd.data) <= LONGEST)


def check(data: bytes) -> None:
    strict, lenient = (decode_image(data, options) for options in (_STRICT, _LENIENT))
    for image in (strict, lenient):
        if isinstance(image, ImageFailure):
            assert image.code in OF_THE_FILE
        else:
            _check_picture(image)
    if isinstance(strict, DecodedImage):
        assert not strict.truncated
        assert isinstance(lenient, DecodedImage)
        assert np.array_equal(strict.pixels, lenient.pixels)


def _check_picture(image: DecodedImage) -> None:
    assert image.pixels.shape == (image.height, image.width, 3)
    assert image.pixels.dtype == np.uint8
    assert 0 < image.height * image.width <= _MOST_PIXELS
    assert image.datetime is None or _TIME.fullmatch(image.datetime)
    assert (image.latitude is None) == (image.longitude is None)
    assert -90 <= (image.latitude or 0) <= 90
    assert -180 <= (image.longitude or 0) <= 180
    assert b"NaN" not in msgspec.json.encode(image.exif)
