"""Real photographs, and what the TensorFlow detector says of them when nothing disturbs it."""

import multiprocessing
from pathlib import Path

from core.catalog import DEMO
from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import encode_image
from detection.detector import load_detector
from detection.pipeline import PipelineOptions, run_pipeline
from tests.azurite_server import Azurite
from tests.integration.test_photographs import PHOTOGRAPHS, SHOWN
from tests.torture.rounds import Source
from tests.torture.stock import put

_CONTAINER = "torture-photographs"
#: Each photograph stands there so often, under other names.
_TIMES = 12


def fill(azurite: Azurite, models: Path) -> Source:
    """A container of photographs, and the lines that a job on it must give."""
    files = {
        f"visit {visit:02d}/{name}": (PHOTOGRAPHS / name).read_bytes()
        for visit in range(_TIMES)
        for name in SHOWN
    }
    put(azurite, _CONTAINER, files)
    return Source(_CONTAINER, lines_of(files, models))


def lines_of(files: dict[str, bytes], models: Path) -> list[bytes]:
    """In list order; computed in a process of its own, which takes TensorFlow away with it."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1) as pool:
        return pool.apply(_lines, (files, models))


def _lines(files: dict[str, bytes], models: Path) -> list[bytes]:
    detector = load_detector(DEMO, models)

    def read(image: ListedImage) -> bytes | ImageFailure:
        return files[image.name]

    listed = [ListedImage(name) for name in sorted(files)]
    options = PipelineOptions(threshold=0.1, max_batch=detector.batch_size)
    return [encode_image(result) for result in run_pipeline(listed, read, detector, options)]
