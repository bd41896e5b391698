"""A Redis that would lose jobs is refused, by whoever would use it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from core.errors import ConfigError, Unavailable
from core.redis_fitness import check_fitness
from core.sealing import new_secret_key
from tests.fixtures.redis_server import RedisServer, free_port

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def own_client(own_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_server.url) as client:
        yield client


def test_server_of_ours_is_fit(own_client: redis.Redis) -> None:
    assert check_fitness(own_client) == ""


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_server_that_evicts_is_refused(own_client: redis.Redis, policy: str) -> None:
    own_client.config_set("maxmemory-policy", policy)
    with pytest.raises(ConfigError, match=f"{policy}.*noeviction"):
        check_fitness(own_client)


def test_server_without_a_file_is_warned_of(own_client: redis.Redis) -> None:
    own_client.config_set("appendonly", "no")
    assert "appendonly yes" in check_fitness(own_client)


@pytest.mark.parametrize(
    ("version", "fit"), [("6.0.16", False), ("5.0", False), ("6.2.0", True), ("7.0.15", True)]
)
def test_server_that_is_too_old_is_refused(version: str, fit: bool) -> None:
    class Old(redis.Redis):
        def info(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {"redis_version": version, "maxmemory_policy": "noeviction", "aof_enabled": 1}

    if fit:
        assert check_fitness(Old()) == ""
    else:
        with pytest.raises(ConfigError, match=rf"{version}.*6\.2"):
            check_fitness(Old())


def test_no_server_is_no_refusal() -> None:
    with redis.Redis(port=free_port()) as client, pytest.raises(Unavailable):
        check_fitness(client)


@pytest.mark.parametrize("program", [("workers", "control"), ("api", "--port", "0")])
def test_programs_do_not_start_on_a_server_that_evicts(
    own_server: RedisServer, own_client: redis.Redis, tmp_path: Path, program: tuple[str, ...]
) -> None:
    own_client.config_set("maxmemory-policy", "allkeys-lru")
    environment = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": own_server.url,
        "MEGABATCH_STORAGE_URL": f"file://{tmp_path}/storage",
        "MEGABATCH_SECRET_KEYS": new_secret_key(),
        "MEGABATCH_DEFAULT_MODEL": "demo",
    }
    ended = subprocess.run(
        [sys.executable, "-m", *program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "noeviction" in ended.stderr and "Traceback" not in ended.stderr
