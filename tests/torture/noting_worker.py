"""Workers with the hash detector that note each picture they detect; as `tests.hash_worker` else.

A line is added to the file that `HASH_DETECTOR_NOTES` names, with the digest of the pixels.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from core.catalog import Model
from core.config import read_settings
from core.results.format import Detection
from detection.detector import Detector, RgbImage
from tests.slow_hash_detector import DELAY, SlowHashDetector
from tests.torture.notes import NOTES, digest_of
from workers.factory import create_app


class NotingDetector(SlowHashDetector):
    """Says what it is about to detect."""

    def __init__(self, delay: float, notes: Path) -> None:
        super().__init__(delay)
        self._notes = notes

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        with self._notes.open("a") as notes:
            notes.writelines(f"{digest_of(pixels)}\n" for pixels in batch)
        return super().detect(batch)


def load_noting_detector(model: Model, model_folder: Path) -> Detector:
    return NotingDetector(float(os.environ[DELAY]), Path(os.environ[NOTES]))


app = create_app(read_settings(os.environ), load_noting_detector, module=__name__)
