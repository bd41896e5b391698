"""A storage that is away most of an hour costs no image. Here an hour lasts a minute."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from core.job_reader import PREFIX
from tests.azurite_server import Azurite
from tests.torture.client import Client
from tests.torture.faults import Answered, Fault, Reset, Truncated
from tests.torture.hurry import FACTOR
from tests.torture.stage import CONTAINERS, Stage, set_up
from tests.torture.stock import fill, make_stock, stocked
from tests.torture.verdict import Verdict, compare, image_lines

# An hour lasts a minute, and then the last waits of five minutes have to pass.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SEED = 5
HOUR = 3600 / FACTOR
#: Of each minute the storage is away for so long, and then there for so long, more or less.
AWAY, THERE = 50 / FACTOR, 10 / FACTOR
IMAGES = 400
#: A shard then takes longer than the storage is there for.
DELAY = 0.01
FAULTS: list[Fault] = [
    *[Answered(503)] * 4,
    *(Answered(503, retry_after="1"), Answered(500), Answered(429), Truncated(), Reset()),
]


@pytest.fixture
def stage(azurite: Azurite, tmp_path: Path) -> Iterator[Stage]:
    with set_up("folder", azurite, tmp_path / "stage", SEED) as stage:
        yield stage


def start_hurried(stage: Stage) -> None:
    system = stage.system
    system.environment["HASH_DETECTOR_DELAY"] = str(DELAY)
    command = ("celery", "--quiet", "-A", "tests.torture.hurried_worker", "worker")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    system.start("control", *command, "--queues=control", "--concurrency=2", *quiet)
    for name in ("one", "two"):
        system.start(name, *command, "--queues=detect.demo", "--concurrency=1", *quiet)
    system.start_api()
    system.wait_until(lambda: system.live_workers() == 2, "two detection workers live")


def play_outage(stage: Stage) -> None:
    proxy, chance = stage.proxies[CONTAINERS], Random(SEED)
    until = time.monotonic() + HOUR
    while time.monotonic() < until:
        proxy.set(chance.choice(FAULTS))
        time.sleep(AWAY * chance.uniform(0.8, 1.2))
        proxy.set(None)
        time.sleep(THERE * chance.uniform(0.8, 1.2))


def test_outage_of_an_hour_costs_no_image(stage: Stage, azurite: Azurite) -> None:
    container = stocked("torture-outage", make_stock(), IMAGES)
    fill(azurite, container)
    start_hurried(stage)
    system, proxy = stage.system, stage.proxies[CONTAINERS]
    client = Client(system.url, threading.Event())
    job_id = client.submit(container.name, container_url=stage.url_of(container.name))
    proxy.set(Answered(503))
    play_outage(stage)
    with stage.direct_redis() as redis:
        outages = redis.hvals(f"{PREFIX}job:{job_id}:outages")
    assert max(map(int, outages)) >= 5, "the outage was none"
    job = system.wait(job_id, timeout=100)
    assert job["status"] == "completed", job
    lines = image_lines(client.results(job_id))
    client.close()
    assert compare(lines, container.lines()) == Verdict(images=IMAGES)
