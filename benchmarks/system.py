"""The whole system against the pipeline alone, both on the same Azurite, with the demo model.

    python -m benchmarks.system [--images 2000] [--rounds 2] [--workers 1]

Uploads camera-trap-sized JPEGs, then in turn reads and detects them with the pipeline alone (in a
process of its own, model loaded) and runs a job on them through API, Celery, workers and merge
(workers warm, from the 202 to `completed`). The design asks for a ratio of 0.85.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks._service import prepared_system, running_redis, service_settings
from benchmarks.pipeline import make_pictures
from core.catalog import DEMO
from core.config import Settings
from core.containers.opening import open_container
from core.image_list import ListedImage
from core.sealing import Sealer
from detection.detector import load_detector
from detection.pipeline import PipelineOptions, run_pipeline
from tests.azurite_server import ACCOUNT, KEY, Azurite
from tests.azurite_server import start as start_azurite
from tests.fixtures.system import System

_DIFFERENT = 100


def upload(azurite: Azurite, folder: Path, images: int) -> str:
    """Put so many blobs into a container, some with the same content; its SAS URL."""
    made = [folder / image.name for image in make_pictures(folder, min(images, _DIFFERENT))]
    azurite.create_container("pictures")
    for start in range(0, images, _DIFFERENT):
        numbers = range(start, min(start + _DIFFERENT, images))
        azurite.upload(
            "pictures", {f"{n:06d}.jpg": made[n % len(made)].read_bytes() for n in numbers}
        )
    return azurite.container_url("pictures")


def pipeline_seconds(url: str, settings: Settings, images: int) -> float:
    """How long the pipeline alone takes, model loaded and warm, in a fresh process."""
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[float] = spawn.Queue()
    process = spawn.Process(target=_pipeline, args=(url, settings, images, queue))
    process.start()
    seconds = queue.get()
    process.join()
    return seconds


def _pipeline(
    url: str, settings: Settings, images: int, queue: "multiprocessing.Queue[float]"
) -> None:
    detector = load_detector(DEMO, settings.model_folder)
    detector.warm_up()
    container = open_container(url, settings, Sealer(settings.secret_keys))
    names = [ListedImage(f"{n:06d}.jpg") for n in range(images)]
    options = PipelineOptions(threshold=0.1)
    list(run_pipeline(names[:40], container.read, detector, options))
    started = time.perf_counter()
    results = list(run_pipeline(names, container.read, detector, options))
    queue.put(time.perf_counter() - started)
    if any(result.failure for result in results):
        raise SystemExit("images failed, so the figures mean nothing")


def job_seconds(system: System, url: str, **request: object) -> float:
    """From the 202 to `completed`."""
    job_id = system.submit(container_url=url, model="demo", **request)
    started = time.perf_counter()
    job = system.wait(job_id, 3600)
    if job["status"] != "completed" or job["progress"]["images_failed"]:
        raise SystemExit(f"the job did not go well: {job}")
    return time.perf_counter() - started


def start(system: System, workers: int) -> None:
    system.start_control()
    for number in range(workers):
        system.start_detection(f"detection {number}")
    system.start_api()
    system.wait_until(lambda: system.live_workers() == workers, "the workers live")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


def compare(asked: argparse.Namespace, place: Path, azurite: Azurite) -> None:
    with running_redis(place) as redis:
        azurite.create_container("jobs")
        settings = service_settings(place, redis, storage_url="az://jobs")
        url = upload(azurite, place, asked.images)
        ratios = []
        for number in range(asked.rounds):
            alone = pipeline_seconds(url, settings, asked.images)
            with prepared_system(settings, place / f"round {number}") as system:
                system.environment |= {
                    "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
                    "AZURE_STORAGE_ACCOUNT_KEY": KEY,
                    "AZURE_STORAGE_ENDPOINT": azurite.account_url,
                }
                start(system, asked.workers)
                job_seconds(system, url, first_n=100)  # the workers are warm after it
                whole = job_seconds(system, url)
            ratios.append(alone / whole)
            rates = f"pipeline {asked.images / alone:.1f}/s, system {asked.images / whole:.1f}/s"
            print(f"round {number + 1}: {rates}, ratio {ratios[-1]:.2f}", flush=True)
        print(f"median ratio {statistics.median(ratios):.2f}")


def main() -> None:
    asked = arguments()
    azurite = start_azurite()
    try:
        with tempfile.TemporaryDirectory() as place:
            compare(asked, Path(place), azurite)
    finally:
        azurite.stop()


if __name__ == "__main__":
    main()
