"""Workers whose detector is `tests.hash_detector`: the product's app, given another detector.

Started by `celery -A tests.hash_worker worker --queues=detect.demo --concurrency=1`. The variable
`HASH_DETECTOR_DELAY` makes each image take so many seconds, so that a test can act in between.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from core.catalog import Model
from core.config import read_settings
from core.results.format import Detection
from detection.detector import Detector, RgbImage
from tests.hash_detector import HashDetector
from workers.factory import create_app

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


app = create_app(read_settings(os.environ), load_hash_detector, module=__name__)
