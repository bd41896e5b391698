"""The hash detector for workers: the variable `HASH_DETECTOR_DELAY` makes each image take a while.

So many seconds an image, so that a test can act in between.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from core.catalog import Model
from core.results.format import Detection
from detection.detector import Detector, RgbImage
from tests.hash_detector import HashDetector

DELAY = "HASH_DETECTOR_DELAY"


class SlowHashDetector(HashDetector):
    """Takes its time, as a real one does."""

    def __init__(self, delay: float) -> None:
        super().__init__()
        self._delay = delay

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        time.sleep(self._delay * len(batch))
        return super().detect(batch)


def load_hash_detector(model: Model, model_folder: Path) -> Detector:
    return SlowHashDetector(float(os.environ.get(DELAY, "0")))
