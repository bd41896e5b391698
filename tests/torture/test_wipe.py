"""Redis is wiped in the middle of three jobs, one of them still listed: nothing is done again.

Whatever was finished before stands in the job folder, and nobody computes it a second time: the
detector notes each picture that it is given, and no two pictures here are alike.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.image_list import decode_image_list
from core.storage import Storage
from tests.azurite_server import Azurite
from tests.pictures import jpeg
from tests.torture.client import Client
from tests.torture.faults import Slowed
from tests.torture.notes import NOTES, digest_of_file
from tests.torture.stage import CONTAINERS, Stage, set_up
from tests.torture.stock import Filled, Picture, fill, judged
from tests.torture.verdict import Verdict, compare, image_lines

# Thousands of blobs are uploaded one by one.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SEED = 9
SMALL = 150
#: More than a page of a listing: all but the first ones are files without a byte, quick to judge.
LARGE = 5100
#: Seconds for a page of the listing: below what a submission waits for, and then above it.
SLOW, SLOWER = 0.5, 4.0
DELAY = 0.03


@pytest.fixture
def stage(azurite: Azurite, tmp_path: Path) -> Iterator[Stage]:
    with set_up("folder", azurite, tmp_path / "stage", SEED) as stage:
        stage.system.environment |= {
            "HASH_DETECTOR_DELAY": str(DELAY),
            NOTES: str(tmp_path / "notes"),
        }
        yield stage


@pytest.fixture(scope="module")
def containers(azurite: Azurite) -> list[Filled]:
    """Two small ones, and one whose listing takes several pages; all pictures differ."""
    pictures = judged([jpeg(seed, 24, 16) for seed in range(3 * SMALL)])
    nothing = judged([b""])[0]
    filled = []
    for number in range(3):
        share = pictures[number * SMALL : (number + 1) * SMALL]
        files = share + [nothing] * (LARGE - SMALL if number == 2 else 0)
        named = {f"{place:05d}.jpg": picture for place, picture in enumerate(files)}
        filled.append(Filled(f"torture-wipe-{number}", named))
        fill(azurite, filled[-1])
    return filled


def start(stage: Stage) -> None:
    system = stage.system
    command = ("celery", "--quiet", "-A", "tests.torture.noting_worker", "worker")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    system.start_control()
    for name in ("one", "two"):
        system.start(name, *command, "--queues=detect.demo", "--concurrency=1", *quiet)
    system.start_api()
    system.wait_until(lambda: system.live_workers() == 2, "two detection workers live")


def submitted(stage: Stage, containers: list[Filled]) -> list[str]:
    """Three jobs, each of which has finished something, and the last of which is still listed."""
    proxy, system = stage.proxies[CONTAINERS], stage.system
    client = Client(system.url, threading.Event())
    jobs = []
    for one in containers:
        if one is containers[-1]:
            proxy.set(Slowed(SLOW, target="comp=list"))
        jobs.append(client.submit(one.name, container_url=stage.url_of(one.name)))
    proxy.set(Slowed(SLOWER, target="comp=list"))
    client.close()
    system.wait_until(lambda: all(map(finished(stage).get, jobs)), "each has finished a shard")
    assert not system.job(jobs[-1])["progress"]["listing_over"]
    return jobs


def finished(stage: Stage) -> dict[str, dict[str, bytes]]:
    """The shard outputs of each job that has some, by their paths."""
    found: dict[str, dict[str, bytes]] = {}
    for name in stage.storage.names("jobs/"):
        job_id, _, rest = name.partition("/")
        if rest.startswith("shards/"):
            found.setdefault(job_id, {})[rest] = stage.storage.read(f"jobs/{name}")
    return found


def files_of(storage: Storage, outputs: dict[str, dict[str, bytes]]) -> Iterator[tuple[str, str]]:
    """Job and name of each image in these outputs."""
    for job_id, paths in outputs.items():
        for path in paths:
            listed = storage.read(f"jobs/{job_id}/{path.replace('shards/', 'images/')}")
            yield from ((job_id, image.name) for image in decode_image_list(listed))


def results(stage: Stage, job_id: str) -> bytes:
    """The results file of a job, once it has ended; until it is known again, the API says 503."""
    client = Client(stage.system.url, threading.Event())
    stage.system.wait_until(lambda: client.job(job_id)["finished_at"] is not None, job_id)
    data = client.results(job_id)
    client.close()
    return data


def test_wipe_in_the_middle_of_three_jobs(
    stage: Stage, azurite: Azurite, containers: list[Filled], tmp_path: Path
) -> None:
    start(stage)
    jobs = submitted(stage, containers)
    before = finished(stage)
    stage.redis.wipe()
    for job_id, container in zip(jobs, containers, strict=True):
        found = image_lines(results(stage, job_id))
        assert compare(found, container.lines()) == Verdict(images=len(container.pictures))
    after = finished(stage)
    assert all(after[job_id].items() >= before[job_id].items() for job_id in jobs)
    times = Counter((tmp_path / "notes").read_text().split())
    pictures: dict[str, Filled] = dict(zip(jobs, containers, strict=True))
    done = [pictures[job_id].pictures[name] for job_id, name in files_of(stage.storage, before)]
    assert again(done, times) == 0


def again(done: list[Picture], times: Counter[str]) -> int:
    """How often pictures that were done were detected once more."""
    sound = [digest_of_file(one.data) for one in done if one.result.failure is None]
    assert sound and all(times[digest] for digest in sound), "the notes tell nothing"
    return sum(times[digest] - 1 for digest in sound)
