"""What a container's health check is told of its worker."""

import socket
from pathlib import Path

import msgspec
import pytest
import redis

from core.config import Settings
from core.job_store import JobStore
from core.queue import open_job_store
from tests.fixtures.redis_server import RedisServer, free_port
from tests.unit.workers.test_start import start
from workers.check import fault_of_worker
from workers.factory import _new_worker_id


@pytest.fixture
def store(settings: Settings) -> JobStore:
    return open_job_store(settings, socket_timeout=5)


@pytest.mark.parametrize("served", ["control", "demo", "megadetector-v3", "mine"])
def test_a_worker_that_beats_here_is_well(store: JobStore, settings: Settings, served: str) -> None:
    settings = msgspec.structs.replace(settings, model_files=(Path("/models/mine.pb"),))
    store.heartbeat(served, _new_worker_id())
    assert fault_of_worker(settings, socket.gethostname()) == ""


@pytest.mark.parametrize("worker", ["here-and-there-7-abcdef01", "there-7-abcdef01", "here"])
def test_a_worker_of_another_host_does_not_count(
    store: JobStore, settings: Settings, worker: str
) -> None:
    store.heartbeat("demo", worker)
    assert fault_of_worker(settings, "here").startswith("No worker on here has been heard")


def test_a_worker_that_left_is_missed(store: JobStore, settings: Settings) -> None:
    store.heartbeat("demo", "here-7-abcdef01")
    store.retire("demo", "here-7-abcdef01")
    assert fault_of_worker(settings, "here") != ""


def test_nobody_is_blamed_while_redis_is_away(settings: Settings) -> None:
    away = msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert fault_of_worker(away, "here") == ""


@pytest.mark.parametrize("password", ["", ":old@", "megabatch:old@"])
def test_a_password_that_redis_refuses_is_a_fault(
    own_server: RedisServer, settings: Settings, password: str
) -> None:
    own = msgspec.structs.replace(settings, redis_url=own_server.url)
    open_job_store(own, socket_timeout=5).heartbeat("demo", "here-7-abcdef01")
    with redis.Redis.from_url(own_server.url) as admin:
        admin.config_set("requirepass", "new")
    fault = fault_of_worker(with_password(own, password), "here")
    assert "refuses" in fault and "REDIS_URL" in fault and "old" not in fault
    assert fault_of_worker(with_password(own, ":new@"), "here") == ""


def with_password(settings: Settings, password: str) -> Settings:
    url = settings.redis_url.replace("redis://", f"redis://{password}")
    return msgspec.structs.replace(settings, redis_url=url)


def test_the_command_tells_by_its_exit_code(
    tmp_path_factory: pytest.TempPathFactory, store: JobStore, settings: Settings
) -> None:
    folder = tmp_path_factory.mktemp("check")
    missed = start(folder, "check", REDIS_URL=settings.redis_url)
    assert missed.returncode == 1 and "heard of lately" in missed.stderr
    store.heartbeat("demo", f"{socket.gethostname()}-7-abcdef01")
    assert start(folder, "check", REDIS_URL=settings.redis_url).returncode == 0
    unset = start(folder, "check", MEGABATCH_STORAGE_URL="")
    assert unset.returncode == 1 and "MEGABATCH_STORAGE_URL is not set" in unset.stderr
