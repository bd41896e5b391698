"""A service that moves, that is restored from a copy, and that is brought up to date as it runs."""

import ipaddress
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen
from uuid import uuid4

import msgspec
import pytest
import redis
import urllib3
from standardwebhooks import Webhook as Verifier

from cli import exit_codes
from cli.main import run
from core.config import Settings
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.azurite_server import Azurite
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.integration.moving import (
    WORKERS,
    copy_what_is_new,
    ended_well,
    finished,
    shards_done,
    start_all,
    start_worker,
    times_detected,
)
from tests.integration.oracle import expected_images
from tests.pictures import jpeg
from tests.receiver import receiver

pytestmark = pytest.mark.integration

#: Seconds for an image: slow enough that a job is in the middle when something is done to it.
DELAY, SLOWER = 0.1, 0.5
IMAGES = 200


@pytest.fixture
def redis_url(own_server: RedisServer) -> str:
    """Of a server that these tests may throw away."""
    return own_server.url


@pytest.fixture
def settings(settings: Settings) -> Settings:
    here = (ipaddress.ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(
        settings, allowed_private_ranges=here, webhook_private_ranges=here
    )


@pytest.fixture
def storage(settings: Settings) -> Path:
    return Path(settings.storage_url.removeprefix("file://"))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def key(settings: Settings) -> str:
    """An API key, without which nothing is answered."""
    return open_key_ring(settings).create("north", (Scope.SUBMIT, Scope.READ))


@pytest.fixture
def cluster(settings: Settings, azurite: Azurite, tmp_path: Path) -> Iterator[System]:
    """Another system with the same secret keys: its storage in Azure, its Redis fresh and empty."""
    jobs, folder = f"moved-{uuid4().hex[:8]}", tmp_path / "cluster"
    azurite.create_container(jobs)
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    there = msgspec.structs.replace(settings, storage_url=f"az://{jobs}", redis_url=server.url)
    system = System(there, folder)
    system.environment |= azurite.variables
    yield system
    system.stop()
    server.kill()


def move(azurite: Azurite, storage: Path, cluster: System) -> None:
    """Copy a local storage into that of a cluster, file by file, and leave nothing behind."""
    files = (path for path in storage.rglob("*") if path.is_file())
    blobs = {path.relative_to(storage).as_posix(): path.read_bytes() for path in files}
    azurite.upload(cluster.settings.storage_url.removeprefix("az://"), blobs)
    shutil.rmtree(storage)


def lost_leases(system: System) -> dict[str, str]:
    """What Redis has counted as lost since it began."""
    with redis.Redis.from_url(system.settings.redis_url, decode_responses=True) as client:
        counted: dict[str, str] = client.hgetall("megabatch:counters")
    return {name: times for name, times in counted.items() if name.startswith("leases_lost")}


def test_from_one_machine_to_a_cluster(
    system: System,
    cluster: System,
    azurite: Azurite,
    own_server: RedisServer,
    storage: Path,
    notes: Path,
    key: str,
) -> None:
    pictures = {f"{n // 100}/{n:05d}.jpg": jpeg(n) for n in range(IMAGES)}
    container = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(container, pictures)
    url = azurite.container_url(container)
    system.key = cluster.key = key
    with receiver() as server:
        # Given: a job that is completed, and one in the middle.
        start_all(system, notes, delay=DELAY)
        done = system.submit(container_url=url, first_n=10)
        assert system.wait(done)["status"] == "completed"
        links = system.call("POST", f"/v1/jobs/{done}/links", {})["urls"]
        results = results_of(system, done)
        secret = system.call("GET", "/v1/webhook-secret")["secret"]
        webhook = {"url": server.url, "events": ["job.completed"]}
        job_id = system.submit(container_url=url, webhook=webhook)
        system.wait_until(lambda: shards_done(system, job_id) > 0, "a shard is done")
        # When: all is stopped, copied, and started there.
        system.end(*system.processes)
        assert lost_leases(system) == {}
        own_server.kill()
        kept = finished(storage, job_id)
        move(azurite, storage, cluster)
        start_all(cluster, notes)
        # Then
        assert ended_well(cluster, job_id)
        assert cluster.results(job_id)["images"] == expected_images(pictures)
        (told,) = server.wait_for(1, timeout=30)
    assert 0 < len(kept) < IMAGES
    rest = [name for name in kept if name not in sorted(pictures)[:10]]  # of no other job
    assert times_detected(notes, pictures, rest) == {1}
    assert lost_leases(cluster) == {}
    assert ended_well(cluster, done)
    assert results_of(cluster, done) == results
    with urlopen(cluster.url + urlsplit(links["results"]).path, timeout=20) as followed:
        assert followed.read() == results
    assert cluster.call("GET", "/v1/webhook-secret")["secret"] == secret
    assert Verifier(secret).verify(told.body, told.headers)["data"]["id"] == job_id


def test_a_backup_taken_while_jobs_run(
    system: System,
    pictures: Pictures,
    own_server: RedisServer,
    storage: Path,
    notes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy, folder = tmp_path / "copy", str(pictures.folder)
    pictures.add(IMAGES, "long")
    pictures.add(IMAGES // 2, "short")
    # Given: jobs of which one ends before the first pass, one between the two, and two after them.
    start_all(system, notes, delay=DELAY)
    before = system.submit(container_url=folder, prefix="short/", first_n=5)
    assert system.wait(before)["status"] == "completed"
    long = system.submit(container_url=folder, prefix="long/")
    between = system.submit(container_url=folder, prefix="short/", first_n=10)
    after = system.submit(container_url=folder, prefix="short/")
    copy_what_is_new(storage, copy)
    assert system.wait(between)["status"] == "completed"
    system.wait_until(lambda: shards_done(system, long) > 0, "a shard is done")
    assert copy_what_is_new(storage, copy) > 0
    results = {job_id: results_of(system, job_id) for job_id in (before, between)}
    # When: all is lost, and the copy put in its place.
    lose_all(system, own_server, storage)
    kept = finished(copy, long)
    copy.rename(storage)
    own_server.folder.mkdir()
    own_server.start()
    monkeypatch.setenv("MEGABATCH_STORAGE_URL", system.settings.storage_url)
    monkeypatch.setenv("REDIS_URL", system.settings.redis_url)
    assert run(["mend"]) == exit_codes.DONE
    start_all(system, tmp_path / "notes again")
    # Then
    names = sorted(pictures.content)
    jobs = {long: names[:IMAGES], after: names[IMAGES:], before: names[IMAGES:][:5]}
    for job_id, listed in jobs.items():
        assert ended_well(system, job_id)
        assert system.results(job_id)["images"] == expected_images(pictures.content, listed)
    for job_id, content in results.items():
        assert results_of(system, job_id) == content
    assert 0 < len(kept) < IMAGES
    assert times_detected(tmp_path / "notes again", pictures.content, kept) == {0}


def lose_all(system: System, server: RedisServer, storage: Path) -> None:
    """What a machine loses that burns."""
    for name in list(system.processes):
        system.kill(name)
    server.kill()
    shutil.rmtree(server.folder)
    shutil.rmtree(storage)


def results_of(system: System, job_id: str) -> bytes:
    return system.fetch("GET", f"/v1/jobs/{job_id}/results")


def resubmit(system: System, body: dict[str, Any], key: str) -> str:
    """Submit a job until it is accepted, as a client does that is told nothing."""
    headers = {"Idempotency-Key": key}

    def send() -> bool:
        try:
            answers.append(system.call("POST", "/v1/jobs", body, headers))
        except urllib3.exceptions.HTTPError:
            return False
        return True

    answers: list[dict[str, str]] = []
    system.wait_until(send, "the job is accepted")
    return answers[0]["id"]


@contextmanager
def polled(system: System, job_id: str) -> Iterator[set[int | None]]:
    """What a job's polls are told meanwhile, again and again: None for an answer, 0 for nobody."""
    told: set[int | None] = set()
    over = threading.Event()

    def poll() -> None:
        while not over.wait(0.02):
            told.add(system.refusal("GET", f"/v1/jobs/{job_id}"))

    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(poll)
        try:
            yield told
        finally:
            over.set()
            polling.result()


def update(system: System, running: str, body: dict[str, Any]) -> str:
    """Start all processes anew, as Compose does: of each service the old one ends, then a new one
    starts; `running` is a job that runs meanwhile. The id of one that was submitted to no API.
    """
    system.end("control")
    system.start_control()
    system.end("api")
    with ThreadPoolExecutor(1) as pool:
        submitted = pool.submit(resubmit, system, body, "again")
        system.start_api()
        job_id = submitted.result()
    for name, delay in zip(WORKERS, (SLOWER, 0.0), strict=True):
        assert system.job(running)["status"] == "running"
        system.end(name)
        system.environment["HASH_DETECTOR_DELAY"] = str(delay)
        start_worker(system, name)
    system.wait_until(lambda: system.live_workers() == len(WORKERS), "the workers live")
    return job_id


def test_an_update_while_a_job_runs(system: System, pictures: Pictures, notes: Path) -> None:
    pictures.add(IMAGES)
    start_all(system, notes, delay=SLOWER)
    body = {"container_url": str(pictures.folder)}
    first = system.submit(**body)
    system.wait_until(
        lambda: system.job(first)["progress"]["shards_running"] == len(WORKERS), "both work"
    )
    with polled(system, first) as told:
        second = update(system, first, {**body, "first_n": 20})
        assert ended_well(system, second) and ended_well(system, first)
    assert told == {None, 0}
    assert system.results(first)["images"] == expected_images(pictures.content)
    names = sorted(pictures.content)[:20]
    assert system.results(second)["images"] == expected_images(pictures.content, names)
    assert lost_leases(system) == {}
