"""A whole service for a benchmark: a real Redis, and the processes that the tests start too."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

from core.config import Settings
from core.sealing import new_secret_key
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import System

_TICKS = os.sysconf("SC_CLK_TCK")


def service_settings(place: Path, redis: RedisServer, storage_url: str = "") -> Settings:
    """Settings of a service whose files lie in `place`; it may read Azurite on this machine."""
    return Settings(
        redis_url=redis.url,
        storage_url=storage_url or f"file://{place}/storage",
        secret_keys=(new_secret_key(),),
        allowed_roots=(place,),
        allowed_private_ranges=(ip_network("127.0.0.0/8"),),
        default_model="demo",
        model_folder=Path(".cache/models").resolve(),
    )


@contextmanager
def running_redis(place: Path) -> Iterator[RedisServer]:
    folder = place / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def prepared_system(settings: Settings, place: Path) -> Iterator[System]:
    """A system of which nothing runs yet; what was started is stopped at the end."""
    logs = place / "logs"
    logs.mkdir(parents=True)
    system = System(settings, logs)
    try:
        yield system
    finally:
        system.stop()


def family(pid: int) -> list[int]:
    """A process and all that it started, and those started."""
    children = [
        int(child)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for child in path.read_text().split()
    ]
    return [pid, *(one for child in children for one in family(child))]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time of these processes so far, user and system."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def peak_mib(pid: int) -> float:
    """The most memory that a process has used, MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this needs Linux")
