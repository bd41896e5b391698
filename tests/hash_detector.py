"""A detector without a model: what it finds follows from the pixels' bytes alone."""

import hashlib
from collections.abc import Mapping, Sequence

from core.catalog import DEMO
from core.results.format import Detection
from detection.detector import RgbImage

_MOST = 3
_BYTES_EACH = 6


class HashDetector:
    """Finds up to three things in a picture: always the same in the same pixels."""

    @property
    def categories(self) -> Mapping[str, str]:
        return DEMO.categories

    @property
    def batch_size(self) -> int:
        return 1

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        return [_detections(pixels) for pixels in batch]


def _detections(pixels: RgbImage) -> list[Detection]:
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
    count, numbers = digest[0] % (_MOST + 1), digest[1:]
    return [
        _detection(numbers[start : start + _BYTES_EACH])
        for start in range(0, count * _BYTES_EACH, _BYTES_EACH)
    ]


def _detection(numbers: bytes) -> Detection:
    category, conf, x, y, width, height = (number / 255 for number in numbers)
    return Detection(
        category=str(1 + round(2 * category)),
        conf=conf,
        bbox=(x, y, width * (1 - x), height * (1 - y)),
    )
