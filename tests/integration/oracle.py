"""What a job's results must be, computed from the pictures alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import encode_image
from detection.detector import Detector
from detection.pipeline import PipelineOptions, run_pipeline
from tests.hash_detector import HashDetector

_AS_USUAL = PipelineOptions(threshold=0.1)


def expected_images(
    pictures: Mapping[str, bytes],
    names: Sequence[str] | None = None,
    options: PipelineOptions = _AS_USUAL,
    detector: Detector | None = None,
) -> list[dict[str, Any]]:
    """The `images` of a results file on these pictures, in list order.

    By the hash detector where no other is given.
    """

    def read(image: ListedImage) -> bytes | ImageFailure:
        return pictures[image.name]

    listed = [ListedImage(name) for name in (names or sorted(pictures))]
    results = run_pipeline(listed, read, detector or HashDetector(), options)
    return [msgspec.json.decode(encode_image(result)) for result in results]
