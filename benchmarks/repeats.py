"""How long it takes to find boxes that recur, and to strike them out, and in how much memory.

    python -m benchmarks.repeats [--cameras 1000] [--images 1000] [--scattered] [--dense]

Makes a results file of so many cameras with so many images each, two detections in every image: one
that trembles about one of three places of its camera, and one anywhere. The images of a camera
stand together, or with `--scattered` each beside those of other cameras; with `--dense` both boxes
of an image wander about one place, the worst that a camera can do. No picture is drawn.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks._service import peak_mib
from core.catalog import DEMO
from core.jobs import utc_now
from core.results.format import Detection as D
from core.results.format import ImageResult, encode_image, rounded
from core.results.reader import Results, open_results
from core.results.writer import ResultsWriter, build_info
from postprocessing.repeats.finding import Limits, Repeat, find_repeats, in_order
from postprocessing.repeats.removing import Removal, struck_out
from postprocessing.saving import save_like

# Of a box's sides: how far a box that stays in its place goes, and one that does not.
_TREMBLING, _WANDERING = 0.01, 0.2


def boxes(rng: np.random.Generator, images: int, dense: bool) -> np.ndarray:
    """Two boxes an image, `[x, y, width, height]`: images x 2 x 4."""
    sides = np.exp(rng.normal(-2.2, 0.5, (images, 2, 2))).clip(0.01, 0.4)
    anywhere = np.concatenate([rng.uniform(0, 1 - sides), sides], axis=2)
    places = anywhere[0, 0] if dense else anywhere[rng.integers(0, 3, images), 0]
    size = np.concatenate([places[..., 2:], places[..., 2:]], axis=-1)
    anywhere[:, 0] = places + rng.normal(0, _TREMBLING, (images, 4)) * size
    if dense:
        anywhere = places + rng.uniform(-_WANDERING, _WANDERING, (images, 2, 4)) * size
    return anywhere


def lines(cameras: int, images: int, dense: bool) -> Iterator[list[bytes]]:
    """The image lines of each camera."""
    for camera in range(cameras):
        rng = np.random.default_rng(camera)
        found = boxes(rng, images, dense).tolist()
        confs = rng.uniform(0.1, 1, (images, 2)).tolist()
        yield [
            encode_image(
                ImageResult(
                    file=f"site-{camera // 10:03}/camera-{camera:04}/IMG_{number:06}.JPG",
                    detections=[
                        rounded(D("1", conf, (box[0], box[1], box[2], box[3])))
                        for conf, box in zip(confs[number], found[number], strict=True)
                    ],
                )
            )
            for number in range(images)
        ]


def write(path: Path, given: argparse.Namespace) -> None:
    groups: Iterable[Iterable[bytes]] = lines(given.cameras, given.images, given.dense)
    if given.scattered:
        groups = zip(*groups, strict=True)
    with path.open("wb") as file:
        writer = ResultsWriter(file)
        info = build_info(DEMO, completed_at=utc_now(), detection_threshold=0.1)
        writer.begin(info, DEMO.categories)
        for group in groups:
            writer.write_lines(list(group))
        writer.end()


def find(results: Results, folder: Path) -> list[Repeat]:
    return list(find_repeats(results, Limits(least_conf=0.1), folder))


def remove(results: Results, folder: Path, found: list[Repeat]) -> Removal:
    members = in_order(np.concatenate([one.members for one in found]))
    removal = Removal()
    save_like(results, folder / "cleaned.json", struck_out(results, members, removal))
    return removal


def measure(path: Path, images: int) -> None:
    results = open_results(path)
    start = time.perf_counter()
    found = find(results, path.parent)
    middle = time.perf_counter()
    tell("find", images, middle - start)
    removal = remove(results, path.parent, found)
    tell("remove", images, time.perf_counter() - middle)
    print(f"{len(found):,} places, {removal.detections:,} detections in {removal.images:,} images")


def tell(what: str, images: int, seconds: float) -> None:
    peak = f"{peak_mib(os.getpid()):,.0f} MiB at most"
    print(f"{what:<8}{seconds:>8.1f} s{images / seconds:>12,.0f} images/s, {peak}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cameras", type=int, default=1000)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--scattered", action="store_true")
    parser.add_argument("--dense", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.json"
        write(path, given)
        print(f"{given.cameras:,} cameras of {given.images:,} images", flush=True)
        # In a process of its own: the memory of the one that made the file does not count.
        images = given.cameras * given.images
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(path, images))
        process.start()
        process.join()
        sys.exit(process.exitcode)


if __name__ == "__main__":
    main()
