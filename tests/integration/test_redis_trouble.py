"""A Redis that is full, one whose connections break again and again, and wrong clocks."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis
from celery import Celery

from core.config import Settings
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import HASH_WORKER, SLOW, Refused, System
from tests.integration.conftest import Pictures
from tests.integration.oracle import expected_images

pytestmark = pytest.mark.integration

IMAGES = 200
FLAPS = 100
TWO_HOURS = 7200


@pytest.fixture
def own_system(settings: Settings, own_server: RedisServer, tmp_path: Path) -> Iterator[System]:
    logs = tmp_path / "logs"
    logs.mkdir()
    system = System(msgspec.structs.replace(settings, redis_url=own_server.url), logs)
    yield system
    system.stop()


def ends_well(system: System, job_id: str, pictures: Pictures) -> None:
    assert system.wait(job_id)["status"] == "completed"
    assert system.results(job_id)["images"] == expected_images(pictures.content)


def counter(system: System, name: str) -> int:
    with redis.Redis.from_url(system.settings.redis_url) as client:
        return int(client.hget("megabatch:counters", name) or 0)


def test_full_redis_takes_no_job_and_loses_none(own_system: System, pictures: Pictures) -> None:
    pictures.add(IMAGES)
    own_system.start_all(delay=SLOW)
    job_id = own_system.submit(container_url=str(pictures.folder))
    with redis.Redis.from_url(own_system.settings.redis_url) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(Refused, match="is full") as refused:
            own_system.submit(container_url=str(pictures.folder))
        assert refused.value.status == 503
        assert own_system.job(job_id)["id"] == job_id  # it can still be looked at
        own_system.start_control("late")
        waits = "waiting for Redis: The job store (Redis) is full"
        own_system.wait_until(lambda: waits in own_system.logs(), "a worker that starts waits")
        client.config_set("maxmemory", 0)
    own_system.wait_until(lambda: own_system.pool_children("late") != [], "it goes on")
    ends_well(own_system, job_id, pictures)


def test_worker_still_works_after_its_connections_broke_again_and_again(
    own_system: System, pictures: Pictures
) -> None:
    pictures.add(IMAGES)
    own_system.start_all(delay=SLOW)
    job_id = own_system.submit(container_url=str(pictures.folder))
    with redis.Redis.from_url(own_system.settings.redis_url) as client:
        for _ in range(FLAPS):
            client.client_kill_filter(_type="normal", skipme=True)
            time.sleep(0.05)
    ends_well(own_system, job_id, pictures)
    ends_well(own_system, own_system.submit(container_url=str(pictures.folder)), pictures)


def test_wrong_clocks_of_workers_change_nothing(system: System, pictures: Pictures) -> None:
    pictures.add(IMAGES)
    system.environment["HASH_DETECTOR_DELAY"] = "0.1"
    system.start_control()
    for name, shift in (("fast", TWO_HOURS), ("slow", -TWO_HOURS)):
        system.start(name, "tests.shifted_clock", str(shift), *HASH_WORKER)
    system.start_api()
    system.wait_until(lambda: system.live_workers() == 2, "two detection workers live")
    ends_well(system, system.submit(container_url=str(pictures.folder)), pictures)
    assert counter(system, "leases_lost shard") == counter(system, "duplicate_outputs") == 0


def test_strange_messages_do_no_harm(system: System, pictures: Pictures) -> None:
    pictures.add(IMAGES)
    system.start_all()
    app = Celery(broker=system.settings.redis_url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": "megabatch:"}
    app.conf.task_serializer = "pickle"
    app.conf.accept_content = ["pickle", "json"]
    unknown, queues = "0" * 32, ("detect.demo", "control")
    with app.producer_pool.acquire(block=True) as producer:
        for queue in queues:
            for serializer, name, arguments in (
                ("pickle", "megabatch.run_shard", [unknown, 0]),
                ("json", "megabatch.run_shard", [unknown, 0]),
                ("json", "megabatch.run_shard", [{"nested": [None]}, "text"]),
                ("json", "megabatch.run_shard", []),
                ("json", "megabatch.merge_job", ["../../etc"]),
                ("json", "os.system", ["true"]),
                ("json", "megabatch.plan_job", ["x" * 5_000_000]),
            ):
                app.send_task(
                    name, arguments, queue=queue, producer=producer, serializer=serializer
                )
    app.close()
    with redis.Redis.from_url(system.settings.redis_url) as client:
        for queue in queues:
            client.lpush(f"megabatch:{queue}", json.dumps({"body": "bm8=", "properties": {}}))
    ends_well(system, system.submit(container_url=str(pictures.folder)), pictures)
    assert system.live_workers() == 2
