"""What a local run costs beside its detector: its journal, its processes, its results file.

    python -m benchmarks.local_runs [--images 300] [--rounds 5]

First images a second of `megabatch detect`'s run and of the pipeline alone, in one process that has
its detector loaded, in turn over the same pictures. Then what the run takes where detecting is
nothing, an image of a long list: processor time of the process that was started, and its memory.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.pipeline import make_pictures
from core.catalog import DEMO
from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import ImageResult, failed
from detection.demo_model import build_demo_model
from detection.detector import load_detector
from detection.local.image_work import ImageWork, detect_with
from detection.local.journal import Journal, Plan, unfinished_folder
from detection.local.places import PlaceReader
from detection.local.run import LocalRun
from detection.local.settings import RunSettings
from detection.local.sources import Sources
from detection.local.work import Detect, Placed, Work
from detection.pipeline import PipelineOptions

_MODELS = Path(".cache/models")
_OPTIONS = PipelineOptions(threshold=0.1)


class Nothing(msgspec.Struct, frozen=True):
    """Work that finds nothing, at once."""

    def failed(self, image: ListedImage, failure: ImageFailure) -> ImageResult:
        return failed(image.name, failure)

    def begin(self) -> Detect:
        def detect(placed: Sequence[Placed], moved: Callable[[], None]) -> Iterator[ImageResult]:
            return (ImageResult(file=one.image.name, detections=[]) for one in placed)

        return detect


class Clock:
    """Notes when images were finished: what comes before the first is loading."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def planned(self, plan: Plan, done: int) -> None:
        """Listing is over."""

    def finished(self, line: bytes) -> None:
        self.times.append(time.perf_counter())

    def rate(self) -> float:
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])


def run(source: Path, output: Path, work: Work) -> Clock:
    sources, clock = Sources([str(source)]), Clock()
    settings = RunSettings(
        sources=sources.described, relative_to="", model="demo", weights="", threshold=0.1
    )
    LocalRun(
        settings=settings,
        sources=sources,
        model=DEMO,
        work=work,
        environments=[{}],
        output=output,
        journal=Journal(unfinished_folder(output)),
    ).run(clock)
    return clock


def compare(place: Path, images: int, rounds: int) -> None:
    build_demo_model(_MODELS)
    pictures = place / "pictures"
    pictures.mkdir()
    listed = make_pictures(pictures, images)
    detect = detect_with(load_detector(DEMO, _MODELS), _OPTIONS, PlaceReader(()))
    work = ImageWork(model=DEMO, model_folder=_MODELS, options=_OPTIONS, roots=())
    placed = [Placed(ListedImage(one.name), str(pictures / one.name)) for one in listed]
    ratios = []
    for number in range(rounds):
        alone = Clock()
        for _ in detect(placed, lambda: None):
            alone.finished(b"")
        whole = run(pictures, place / f"{number}.json", work)
        ratios.append(whole.rate() / alone.rate())
        print(f"   run {whole.rate():.1f} images/s, pipeline alone {alone.rate():.1f}", flush=True)
    print(f"a run is {statistics.median(ratios):.2f} times as fast as the pipeline alone")


def cost(place: Path, images: int) -> None:
    names = place / f"{images}.txt"
    names.write_text("".join(f"camera-{n % 100}/{n:07}.jpg\n" for n in range(images)))
    before = time.process_time()
    run(names, place / f"{images}.json", Nothing())
    spent = 1e6 * (time.process_time() - before) / images
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{images:,} images of a list: {spent:.0f} us of processor time each, {peak:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for images in (10_000, 100_000):
            cost(Path(place), images)
        compare(Path(place), given.images, given.rounds)


if __name__ == "__main__":
    main()
