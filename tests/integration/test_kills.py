"""`kill -9` in the middle of a job: no image is lost, none stands twice, none is wrong."""

import os
import signal

import pytest

from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import SLOW, Refused, System
from tests.integration.conftest import Pictures
from tests.integration.oracle import expected_images

pytestmark = pytest.mark.integration

IMAGES = 300


@pytest.fixture
def job_id(system: System, pictures: Pictures) -> str:
    """A job of which some shards are done, some run and some wait."""
    pictures.add(IMAGES)
    system.start_all(delay=SLOW)
    job_id = system.submit(container_url=str(pictures.folder))
    system.wait_until(lambda: system.job(job_id)["progress"]["shards_done"] > 0, "a shard is done")
    return job_id


def ends_well(system: System, job_id: str, pictures: Pictures) -> None:
    job = system.wait(job_id, timeout=110)
    assert job["status"] == "completed"
    assert job["progress"]["images_done"] == IMAGES
    assert system.results(job_id)["images"] == expected_images(pictures.content)


def test_detection_worker_is_killed(system: System, job_id: str, pictures: Pictures) -> None:
    system.kill("one")
    ends_well(system, job_id, pictures)


def test_child_of_a_detection_worker_is_killed(
    system: System, job_id: str, pictures: Pictures
) -> None:
    for pid in system.pool_children("one"):
        os.kill(pid, signal.SIGKILL)
    ends_well(system, job_id, pictures)


def test_all_detection_workers_are_killed_and_new_ones_come(
    system: System, job_id: str, pictures: Pictures
) -> None:
    system.kill("one")
    system.kill("two")
    system.start_hash_worker("three")
    ends_well(system, job_id, pictures)


def test_control_worker_is_killed(system: System, job_id: str, pictures: Pictures) -> None:
    system.kill("control")
    system.start_control("control again")
    ends_well(system, job_id, pictures)


def test_api_is_killed(system: System, job_id: str, pictures: Pictures) -> None:
    for pid in system.children("api"):
        os.kill(pid, signal.SIGKILL)
    system.kill("api")
    system.start_api("api again")
    ends_well(system, job_id, pictures)


def test_redis_is_killed_and_comes_back(
    system: System, job_id: str, pictures: Pictures, redis_server: RedisServer
) -> None:
    redis_server.kill()
    redis_server.start()
    ends_well(system, job_id, pictures)


def test_redis_is_wiped(
    system: System, job_id: str, pictures: Pictures, redis_server: RedisServer
) -> None:
    redis_server.wipe()
    ends_well_after_restoring(system, job_id, pictures)


def test_everything_is_started_before_redis(
    system: System, pictures: Pictures, redis_server: RedisServer
) -> None:
    pictures.add(IMAGES)
    redis_server.kill()
    try:
        system.start_control()
        system.start_hash_worker("one")
        system.start("api", "api", "--host", "127.0.0.1", "--port", str(system.port))
        system.wait_until(lambda: system.refusal("GET", "/readyz") == 503, "the API says so")
        assert system.refusal("POST", "/v1/jobs", {"container_url": str(pictures.folder)}) == 503
    finally:
        redis_server.start()
    system.wait_until(lambda: system.refusal("GET", "/readyz") is None, "the API is ready")
    ends_well(system, system.submit(container_url=str(pictures.folder)), pictures)


def ends_well_after_restoring(system: System, job_id: str, pictures: Pictures) -> None:
    def known_again() -> bool:
        try:
            system.job(job_id)
        except Refused as refused:
            # Not 404: a collaborator must not believe that the job is gone.
            assert refused.status == 503
            return False
        return True

    system.wait_until(known_again, "the job is known again")
    ends_well(system, job_id, pictures)
