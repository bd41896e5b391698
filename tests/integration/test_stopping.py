"""Workers that stop, or do not work, without being killed: nothing is counted against any shard."""

import pytest
import redis

from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.integration.oracle import expected_images
from tests.integration.test_poison import POISON_WORKER

pytestmark = pytest.mark.integration

IMAGES = 40


def losses(system: System) -> int:
    with redis.Redis.from_url(system.settings.redis_url) as client:
        return int(client.hget("megabatch:counters", "leases_lost shard") or 0)


def test_busy_worker_that_is_asked_to_stop_gives_its_shard_back(
    system: System, pictures: Pictures
) -> None:
    pictures.add(IMAGES)
    system.environment["HASH_DETECTOR_DELAY"] = "3"  # 40 images of a shard take a minute
    system.start_control()
    system.start_hash_worker("one")
    system.start_api()
    job_id = system.submit(container_url=str(pictures.folder))

    def is_at_work() -> bool:
        return bool(system.job(job_id)["progress"]["shards_running"])

    system.wait_until(is_at_work, "a shard runs")
    system.end("one")
    assert system.job(job_id)["progress"]["shards_running"] == 0
    system.environment["HASH_DETECTOR_DELAY"] = "0"
    system.start_hash_worker("two")
    assert system.wait(job_id)["status"] == "completed"
    assert system.results(job_id)["images"] == expected_images(pictures.content)
    assert losses(system) == 0


def test_idle_worker_stops(system: System) -> None:
    system.start_control()
    system.start_hash_worker("one")
    system.start_api()
    system.wait_until(lambda: system.live_workers() == 1, "the worker lives")
    system.end("one")
    system.wait_until(lambda: system.live_workers() == 0, "it is not counted", timeout=5)


def test_worker_on_a_full_disk_leaves_all_work_to_others(
    system: System, pictures: Pictures
) -> None:
    pictures.add(IMAGES)
    system.start_control()
    system.environment["MEGABATCH_LEAST_ROOM"] = str(10**9)
    system.start_hash_worker("full")
    system.environment["MEGABATCH_LEAST_ROOM"] = "0"
    system.start_api()
    [log] = [file for file in system.log_files() if file.name == "full.log"]
    system.wait_until(lambda: "takes no work until there is room" in log.read_text(), "it says so")
    job_id = system.submit(container_url=str(pictures.folder))
    assert system.job(job_id)["waiting_for_workers"]
    system.start_hash_worker("two")
    assert system.wait(job_id)["status"] == "completed"
    assert "run_shard" not in log.read_text()
    assert losses(system) == 0


def test_worker_without_a_detector_ends_and_costs_no_shard(
    system: System, pictures: Pictures
) -> None:
    pictures.add(IMAGES)
    system.start_control()
    system.start_api()
    system.environment["POISON_NO_DEVICE"] = "yes"
    system.start("broken", *POISON_WORKER)
    del system.environment["POISON_NO_DEVICE"]
    job_id = system.submit(container_url=str(pictures.folder))
    worker = system.processes["broken"]
    system.wait_until(lambda: worker.poll() is not None, "the worker has ended")
    [log] = [file for file in system.log_files() if file.name == "broken.log"]
    assert "no detector for demo, this worker ends: no device" in log.read_text()
    system.start_hash_worker("two")
    assert system.wait(job_id)["status"] == "completed"
    assert system.results(job_id)["images"] == expected_images(pictures.content)
    assert losses(system) == 0
