"""Pictures and failures in, results out: what the pipeline does with the images of one batch."""

from collections.abc import Iterator, Sequence

import msgspec

from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import Detection, ImageResult, failed
from detection.answers import Answer, detect_each, written_detections
from detection.detector import Detector, RgbImage
from detection.images import DecodedImage


class Prepared(msgspec.Struct, frozen=True):
    """An image that was read and decoded, or could not be."""

    image: ListedImage
    decoded: DecodedImage | ImageFailure

    @property
    def pixels(self) -> RgbImage | None:
        return None if isinstance(self.decoded, ImageFailure) else self.decoded.pixels

    @property
    def size(self) -> int:
        """Bytes of decoded pixels."""
        return 0 if self.pixels is None else self.pixels.nbytes


def results_of(
    batch: Sequence[Prepared], detector: Detector, threshold: float
) -> list[ImageResult]:
    """One result an image, in order; its pictures all have one size.

    Detections stand there where their written confidence is strictly above `threshold`. Raises
    DetectorError when the detector breaks its contract or no longer works.
    """
    pictures = [item.pixels for item in batch if item.pixels is not None]
    answers = (_written(answer, detector, threshold) for answer in detect_each(detector, pictures))
    return [_result(item, answers) for item in batch]


def _written(answer: Answer, detector: Detector, threshold: float) -> Answer:
    if isinstance(answer, ImageFailure):
        return answer
    return written_detections(answer, threshold, detector.categories)


def _result(item: Prepared, answers: Iterator[Answer]) -> ImageResult:
    image, decoded = item.image, item.decoded
    if isinstance(decoded, ImageFailure):
        return failed(image.name, decoded, meta=image.meta)
    answer = next(answers)
    if isinstance(answer, ImageFailure):
        return failed(image.name, answer, meta=image.meta)
    return _found(image, decoded, answer)


def _found(image: ListedImage, decoded: DecodedImage, detections: list[Detection]) -> ImageResult:
    return ImageResult(
        file=image.name,
        detections=detections,
        width=decoded.width,
        height=decoded.height,
        datetime=decoded.datetime,
        latitude=decoded.latitude,
        longitude=decoded.longitude,
        truncated=decoded.truncated,
        meta=image.meta,
        extra=None if decoded.exif is None else {"exif_metadata": decoded.exif},
    )
