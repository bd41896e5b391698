"""`tests.hash_worker` with pictures that kill it: see `tests.poison_decoding`."""

import os
from collections.abc import Sequence
from pathlib import Path

import detection.pipeline
import workers.lease_keeper
from core.catalog import Model
from core.config import read_settings
from core.results.format import Detection
from detection.detector import Detector, RgbImage
from tests.hash_detector import HashDetector
from tests.poison_decoding import DETECTING, act, dying
from workers.context import WorkerContext
from workers.factory import create_app

#: A variable: where it is set, no detector can be loaded.
NO_DEVICE = "POISON_NO_DEVICE"
#: What the worker itself may take before the kernel would end it, bytes.
_MOST_MEMORY = 512 << 20


class DyingDetector(HashDetector):
    """Once its device is broken, it answers nothing any more."""

    def __init__(self) -> None:
        self._broken = False

    def warm_up(self) -> None:
        if self._broken:
            act("break", _MOST_MEMORY)

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        self.warm_up()
        for pixels in batch:
            what = DETECTING.get(pixels.shape[1])
            self._broken = what == "break"
            act(what, _MOST_MEMORY)
        return super().detect(batch)


class PoisonContext(WorkerContext):
    decoding_module = "tests.poison_decoding"


def load_detector(model: Model, model_folder: Path) -> Detector:
    if NO_DEVICE in os.environ:
        raise RuntimeError("no device")
    return DyingDetector()


detection.pipeline.decode = dying(detection.pipeline.decode, _MOST_MEMORY)
workers.lease_keeper.RENEW_EVERY = 1.0  # so that a standstill of seconds is seen in time
app = create_app(read_settings(os.environ), load_detector, __name__, PoisonContext)
