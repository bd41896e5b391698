"""How pictures are called in the notes of `tests.torture.noting_worker`."""

import hashlib

from core.failures import ImageFailure
from detection.detector import RgbImage
from detection.images import DecodeOptions, decode_image

NOTES = "HASH_DETECTOR_NOTES"


def digest_of(pixels: RgbImage) -> str:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()


def digest_of_file(data: bytes) -> str:
    """What is noted of a picture by the bytes of its file. Raises ValueError for a bad one."""
    decoded = decode_image(data, DecodeOptions())
    if isinstance(decoded, ImageFailure):
        raise ValueError(f"no picture: {decoded}")
    return digest_of(decoded.pixels)
