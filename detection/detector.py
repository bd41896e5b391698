"""The boundary behind which models run: what every detector promises, and how one is loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.catalog import Model
from core.results.format import Detection

#: Height x width x 3, RGB, upright.
RgbImage = npt.NDArray[np.uint8]


class Detector(Protocol):
    """Loads once, when it is made; then answers batch after batch, in order.

    `detect` may be called from several threads at once.
    """

    @property
    def categories(self) -> Mapping[str, str]:
        """Category id to name, for all ids that `detect` may return."""

    @property
    def batch_size(self) -> int:
        """Images that one call should have, where so many of one size are at hand."""

    def warm_up(self) -> None:
        """Run one small batch, so that a broken model shows before work is taken."""

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        """One list of detections an image: as many lists as images, in the same order.

        All images of a batch have one size. Scores are 0..1 and boxes relative, not rounded and
        not thresholded.
        """


def load_detector(model: Model, model_folder: Path) -> Detector:
    """The detector that runs `model`. Raises ModelUnavailable when its weights are not usable."""
    # TensorFlow takes seconds and hundreds of megabytes, so only those who detect import it.
    from detection.tensorflow_detector import TensorFlowDetector
    from detection.weights import verified_weights

    return TensorFlowDetector(verified_weights(model, model_folder), model.categories)
