"""How near the pipeline comes to a bare loop that decodes and detects in as many threads.

`python -m benchmarks.pipeline` makes a folder of camera-trap-sized JPEGs, runs both over it in
turn, and prints images a second and their ratio for each round. The design asks for 0.9.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.catalog import DEMO
from core.image_list import ListedImage
from detection.demo_model import build_demo_model
from detection.detector import Detector, load_detector
from detection.images import DecodedImage, DecodeOptions, decode_image
from detection.pipeline import PipelineOptions, run_pipeline

_SIZE = (2048, 1536)


def make_pictures(folder: Path, count: int) -> list[ListedImage]:
    """Write `count` JPEGs of smooth shapes and sensor noise, about 0.6 MB each."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 6, (_SIZE[1], _SIZE[0], 3)).astype(np.float32)
    names = []
    for number in range(count):
        shapes = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        pixels = np.asarray(shapes.resize(_SIZE, Image.Resampling.BICUBIC)) + noise
        name = f"{number:04}.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name, quality=85)
        names.append(ListedImage(name))
    return names


def bare_loop(
    images: Sequence[ListedImage],
    read: Callable[[ListedImage], bytes],
    detector: Detector,
    threads: int,
) -> None:
    """Each thread reads, decodes and detects one image after the other; nothing is kept."""
    todo, lock = iter(images), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                image = next(todo, None)
            if image is None:
                return
            decoded = decode_image(read(image), DecodeOptions())
            if isinstance(decoded, DecodedImage):
                detector.detect([decoded.pixels])

    crew = [threading.Thread(target=work) for _ in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()


def rate(count: int, work: Callable[[], object]) -> float:
    """Images a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--readers", type=int, default=PipelineOptions(threshold=0).readers)
    parser.add_argument("--lanes", type=int, default=2, help="also the threads of the bare loop")
    parser.add_argument("--max-batch", type=int, default=1)
    parser.add_argument(
        "--model-folder", type=Path, default=Path(".cache/models"), help="the demo model's place"
    )
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    build_demo_model(asked.model_folder)
    detector = load_detector(DEMO, asked.model_folder)
    options = PipelineOptions(
        threshold=0.1, readers=asked.readers, lanes=asked.lanes, max_batch=asked.max_batch
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        images = make_pictures(folder, asked.images)

        def read(image: ListedImage) -> bytes:
            return (folder / image.name).read_bytes()

        def pipeline() -> None:
            failures = [one for one in run_pipeline(images, read, detector, options) if one.failure]
            if failures:
                raise SystemExit(f"{len(failures)} images failed, so the figures mean nothing")

        def loop() -> None:
            bare_loop(images, read, detector, asked.lanes)

        pipeline()  # not measured: the first calls at a size are slower
        ratios = []
        for number in range(asked.rounds):
            bare, ours = rate(asked.images, loop), rate(asked.images, pipeline)
            ratios.append(ours / bare)
            print(f"round {number + 1}: bare loop {bare:.1f}/s, pipeline {ours:.1f}/s", end=", ")
            print(f"ratio {ratios[-1]:.2f}")
        print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
