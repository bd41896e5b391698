"""Everything of one service, as it is run: servers, proxies before them, and the processes.

All processes reach Redis through one proxy, the containers through another, and their own storage,
where that is in Azurite too, through a third. Whoever judges reaches all of them directly.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from obstore.store import AzureStore, LocalStore, ObjectStore
from redis import Redis

from core.config import Settings
from core.sealing import new_secret_key
from core.storage import Storage
from tests.azurite_server import ACCOUNT, KEY, Azurite
from tests.fixtures.redis_server import RedisServer
from tests.fixtures.system import System
from tests.torture.http_proxy import HttpProxy
from tests.torture.processes import Process, family, signal_all
from tests.torture.tcp_proxy import TcpProxy

#: Where the service keeps its jobs, and what looks at the pictures.
Kind = Literal["folder", "cloud", "photographs"]

CONTROLS = ("control 1", "control 2")
WORKERS = ("worker 1", "worker 2", "worker 3")
#: TensorFlow wants a core for itself.
FEW_WORKERS = WORKERS[:2]
API = "api"
#: The servers by name, and the proxies before them.
REDIS, AZURITE = "Redis", "Azurite"
BROKER, CONTAINERS, JOB_FOLDER = "broker", "containers", "job folder"
#: Where `make` puts the demo model.
MODELS = Path(__file__).parents[2] / ".cache" / "models"
#: Seconds that Redis may keep a judge waiting.
_DIRECT_SECONDS = 2


def workers_of(kind: Kind) -> tuple[str, ...]:
    return FEW_WORKERS if kind == "photographs" else WORKERS


@dataclass
class Stage:
    """One service. Its processes have names, which stay the same when they are started again."""

    kind: Kind
    azurite: Azurite
    redis: RedisServer
    system: System
    proxies: dict[str, TcpProxy]
    storage: Storage
    _born: list[Process] = field(default_factory=list)

    @property
    def workers(self) -> tuple[str, ...]:
        return workers_of(self.kind)

    @property
    def names(self) -> tuple[str, ...]:
        return (*CONTROLS, *self.workers, API)

    def direct_redis(self) -> Any:
        """A client that reads texts, which redis-py's types do not tell from bytes."""
        return Redis.from_url(self.redis.url, socket_timeout=_DIRECT_SECONDS, decode_responses=True)

    def start(self, name: str) -> None:
        if name == API:
            self.system.start(API, "api", "--host", "127.0.0.1", "--port", str(self.system.port))
        elif name in CONTROLS:
            self.system.start_control(name)
        elif self.kind == "photographs":
            self.system.start_detection(name)
        else:
            self.system.start_hash_worker(name)

    def pid(self, name: str) -> int:
        return self.system.processes[name].pid

    def kill(self, name: str, *, whole: bool) -> None:
        """`kill -9` of a main process; with `whole`, of all that it started as well."""
        processes = family(self.pid(name))
        self._born += processes[1:]
        self.system.kill(name)
        if whole:
            signal_all(processes, signal.SIGKILL)

    def url_of(self, container: str) -> str:
        """A container's SAS URL, through the proxy."""
        parts = urlsplit(self.azurite.container_url(container))
        netloc = f"127.0.0.1:{self.proxies[CONTAINERS].port}"
        return urlunsplit((*parts[:1], netloc, *parts[2:]))

    def stop(self) -> None:
        """End all processes, and what those that were killed have left."""
        for name in list(self.system.processes):
            self._born += family(self.pid(name))
        self.system.stop()
        signal_all(self._born, signal.SIGKILL)


@contextmanager
def set_up(kind: Kind, azurite: Azurite, folder: Path, seed: int) -> Iterator[Stage]:
    """A stage of which the servers run, and no process yet."""
    (folder / "logs").mkdir(parents=True)
    (folder / "redis").mkdir()
    with ExitStack() as stack:
        server = RedisServer(folder / "redis")
        server.start()
        stack.callback(server.kill)
        proxies = _proxies(kind, azurite, server, seed)
        for proxy in proxies.values():
            stack.callback(proxy.stop)
        jobs = f"jobs-{seed}"
        settings = _settings(kind, proxies, folder, jobs)
        system = System(settings, folder / "logs")
        if kind == "cloud":
            azurite.create_container(jobs)
            system.environment |= _azure(proxies[JOB_FOLDER].port)
        storage = Storage(_store(kind, azurite, folder, jobs))
        stage = Stage(kind, azurite, server, system, proxies, storage)
        stack.callback(stage.stop)
        yield stage


def _proxies(kind: Kind, azurite: Azurite, server: RedisServer, seed: int) -> dict[str, TcpProxy]:
    proxies = {BROKER: TcpProxy(server.port), CONTAINERS: HttpProxy(azurite.port, seed)}
    if kind == "cloud":
        proxies[JOB_FOLDER] = HttpProxy(azurite.port, seed + 1)
    return proxies


def _settings(kind: Kind, proxies: dict[str, TcpProxy], folder: Path, jobs: str) -> Settings:
    return Settings(
        redis_url=f"redis://127.0.0.1:{proxies[BROKER].port}/0",
        storage_url=f"az://{jobs}" if kind == "cloud" else f"file://{folder}/storage",
        secret_keys=(new_secret_key(),),
        allowed_roots=(folder,),
        allowed_private_ranges=(ip_network("127.0.0.0/8"),),
        default_model="demo",
        model_folder=MODELS,
    )


def _azure(port: int) -> dict[str, str]:
    return {
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{ACCOUNT}",
    }


def _store(kind: Kind, azurite: Azurite, folder: Path, jobs: str) -> ObjectStore:
    if kind != "cloud":
        return LocalStore(folder / "storage", mkdir=True)
    return AzureStore(
        jobs,
        account_name=ACCOUNT,
        account_key=KEY,
        endpoint=azurite.account_url,
        client_options={"allow_http": True},
    )


def this_host() -> str:
    """The first part of the id of each worker on this machine."""
    return socket.gethostname()
