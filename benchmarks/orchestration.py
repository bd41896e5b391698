"""What orchestration costs: a job whose images take no time to read or to detect.

    python -m benchmarks.orchestration [images]

Makes a folder of that many empty files (default: 100,000), runs a job on it through real processes
whose container and detector do nothing, and prints the processor time an image over API, control
worker, detection workers and Redis. The design asks for less than 1 ms.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks._service import (
    cpu_seconds,
    family,
    prepared_system,
    running_redis,
    service_settings,
)
from tests.fixtures.system import System

_WORKER = ("celery", "-A", "benchmarks._idle_worker", "worker", "--concurrency=1")
_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")


def make_names(folder: Path, images: int) -> None:
    for number in range(images):
        path = folder / f"camera-{number // 1000:04d}/IMG_{number:07d}.JPG"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def start(system: System) -> None:
    system.start("control", *_WORKER, "--queues=control", *_QUIET)
    for name in ("one", "two"):
        system.start(name, *_WORKER, "--queues=detect.demo", *_QUIET)
    system.start_api()
    system.wait_until(lambda: system.live_workers() == 2, "two detection workers live")


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as redis:
        place = Path(folder)
        make_names(place / "pictures", images)
        with prepared_system(service_settings(place, redis), place) as system:
            start(system)
            roots = [redis.pid, *(process.pid for process in system.processes.values())]
            everyone = [pid for root in roots for pid in family(root)]
            before = cpu_seconds(everyone)
            job = system.wait(system.submit(container_url=str(place / "pictures")), 3600)
            spent = cpu_seconds(everyone) - before
    done = job["progress"]["images_done"]
    print(f"{done:,} images in {job['progress']['shards']} shards: {job['status']}")
    print(f"{1000 * spent / done:.3f} ms of processor time an image, all processes together")


if __name__ == "__main__":
    main()
