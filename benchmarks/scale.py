"""Planner, aggregator, retry and API at 10,000 and at 1,000,000 images: memory, and speed.

    python -m benchmarks.scale [images ...]

Each part runs in a process of its own on a real Redis and a local storage. The shard outputs are
made up: three quarters of the images are empty, the others have two detections, and in every other
shard one image has failed. The design asks for memory that is flat in the number of images, and for
300,000 merged images a second below 200 MB.
"""

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import redis as redis_client
import urllib3

from benchmarks._resting import RestingDetector
from benchmarks._service import (
    peak_mib,
    prepared_system,
    running_redis,
    service_settings,
)
from core.config import Settings
from core.containers.listing import Container, Page
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage, decode_image_list
from core.job_store import JobStore
from core.jobs import AcceptedJob
from core.results.format import Detection, ImageResult, failed
from tests.factories import accepted_job
from workers.aggregator import merge_job
from workers.context import WorkerContext
from workers.planner import plan_job
from workers.shard_output import encode_output, tally_of

J, CHILD = "a" * 32, "c" * 32
_PAGE = 5000
_FOUND = [
    Detection("1", 0.934, (0.1042, 0.3301, 0.25, 0.4117)),
    Detection("2", 0.127, (0.7, 0.2, 0.1, 0.5)),
]


class Names:
    """A container that lists so many names, page by page."""

    def __init__(self, count: int) -> None:
        self._count = count

    def pages(self, prefix: str = "", marker: str | None = None) -> Iterator[Page]:
        for start in range(int(marker or 0), self._count, _PAGE):
            numbers = range(start, min(start + _PAGE, self._count))
            yield Page(
                images=[
                    ListedImage(f"site-12/camera-07/2026/IMG_{n:08d}.JPG", 600_000, f"0x{n:016X}")
                    for n in numbers
                ],
                marker=str(start),
                last=numbers.stop == self._count,
            )

    def read(self, image: ListedImage) -> bytes | ImageFailure:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


class NamesContext(WorkerContext):
    """A worker whose container lists made-up names, and that sends no messages."""

    count = 0

    def open_job(self, job_id: str) -> tuple[AcceptedJob, Container]:
        return self.folder.read_job(job_id), Names(self.count)


def context(settings: Settings, count: int) -> NamesContext:
    made = NamesContext(settings, "bench", lambda model, folder: RestingDetector())
    made.count = count
    client = redis_client.Redis.from_url(settings.redis_url)
    made.__dict__["store"] = JobStore(client, lambda messages: None)
    return made


def plan(settings: Settings, count: int) -> None:
    worker = context(settings, count)
    job = accepted_job(J, container_url="/nowhere")
    worker.folder.accept(job)
    worker.store.create(job)
    plan_job(worker, J)


def made_up(image: ListedImage, number: int, shard: int) -> ImageResult:
    if number == 0 and shard % 2:
        return failed(image.name, ImageFailure(FailureCode.TRUNCATED))
    return ImageResult(
        file=image.name,
        detections=[] if number % 4 else _FOUND,
        width=2048,
        height=1536,
        datetime="2026-04-30 05:12:44",
    )


def run_shards(settings: Settings, count: int) -> None:
    worker = context(settings, count)
    for index in range(worker.folder.read_plan(J).shards):
        images = decode_image_list(worker.folder.read_image_list(J, index))
        output = encode_output(made_up(image, n, index) for n, image in enumerate(images))
        worker.folder.write_shard_output(J, index, output)
        worker.store.done(J, index, tally_of(output))


def merge(settings: Settings, count: int) -> None:
    merge_job(context(settings, count), J)


def retry(settings: Settings, count: int) -> None:
    worker = context(settings, count)
    job = accepted_job(CHILD, container_url="/nowhere")
    worker.folder.accept(msgspec.structs.replace(job, parent=J))
    worker.store.create(worker.folder.read_job(CHILD))
    plan_job(worker, CHILD)


def measured(
    work: Callable[[Settings, int], None], settings: Settings, count: int
) -> tuple[float, float]:
    """Seconds and peak MiB of `work` in a process of its own."""
    queue: multiprocessing.Queue[tuple[float, float]] = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(
        target=_measure, args=(work, settings, count, queue)
    )
    process.start()
    answer = queue.get()
    process.join()
    return answer


def _measure(
    work: Callable[[Settings, int], None],
    settings: Settings,
    count: int,
    queue: "multiprocessing.Queue[tuple[float, float]]",
) -> None:
    started = time.perf_counter()
    work(settings, count)
    queue.put((time.perf_counter() - started, peak_mib(multiprocessing.current_process().pid or 0)))


def download(settings: Settings, place: Path) -> float:
    """Peak MiB of the API's processes while the results are downloaded."""
    with prepared_system(settings, place) as system:
        system.start_api()
        with urllib3.PoolManager() as http:
            url = f"{system.url}/v1/jobs/{J}/results"
            answer = http.request("GET", url, preload_content=False)
            for _ in answer.stream(1 << 20):
                pass
            answer.release_conn()
        return max(peak_mib(pid) for pid in [*system.children("api"), system.processes["api"].pid])


def redis_mib(settings: Settings) -> float:
    """What Redis takes with all shards known and none done, MiB."""
    with redis_client.Redis.from_url(settings.redis_url) as client:
        used: int = client.info("memory")["used_memory"]
    return used / 2**20


def run(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as redis:
        settings = service_settings(Path(folder), redis)
        seconds, peak = measured(plan, settings, count)
        print(f"{count:>10,} images: planner {peak:.0f} MiB, {count / seconds:,.0f}/s", flush=True)
        print(f"{'':>10}  Redis {redis_mib(settings):.0f} MiB", flush=True)
        measured(run_shards, settings, count)
        seconds, peak = measured(merge, settings, count)
        print(f"{'':>10}  aggregator {peak:.0f} MiB, {count / seconds:,.0f}/s", flush=True)
        seconds, peak = measured(retry, settings, count)
        print(f"{'':>10}  planner of a retry {peak:.0f} MiB, {count / seconds:,.0f}/s", flush=True)
        print(f"{'':>10}  API {download(settings, Path(folder)):.0f} MiB", flush=True)


def main() -> None:
    for count in [int(text) for text in sys.argv[1:]] or [10_000, 1_000_000]:
        run(count)


if __name__ == "__main__":
    main()
