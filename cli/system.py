"""The whole system on one machine: Redis, the API, a control worker and detection workers."""

import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cli.client import Client
from cli.data_folder import DataFolder
from cli.processes import ChildSpec, Supervisor, tail
from cli.redis_server import find_server, free_port, server_command, wait_for_redis
from core.errors import ConfigError, Unavailable

#: Where the packages lie that children run with `python -m`.
CODE_FOLDER = Path(__file__).resolve().parents[1]

#: Seconds until everything must answer: TensorFlow alone may take half a minute to load.
START_SECONDS = 180.0
#: Seconds for Redis, which reads all it kept before it answers.
REDIS_SECONDS = 60.0
#: Seconds that Redis gets to write its last second of data when it is stopped.
REDIS_GRACE = 10.0

#: The variables that `serve` sets by its options, which `megabatch doctor` is told of.
_KEPT = (
    *("MEGABATCH_ALLOWED_ROOTS", "MEGABATCH_MODEL_FILES"),
    *("MEGABATCH_MODEL_FOLDER", "MEGABATCH_DEFAULT_MODEL"),
)

_LOOK_EVERY = 0.25
_REDIS_TIMEOUT = 5.0
# A server that listens everywhere is reached at the loopback address.
_REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class SystemOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and where."""

    #: Names of the models to serve; the first is that of jobs which name none.
    models: tuple[str, ...]
    #: Frozen graphs of one's own, which `models` names by their stems.
    model_files: tuple[Path, ...] = ()
    model_folder: Path
    data_folder: Path
    host: str = "127.0.0.1"
    #: 0 stands for a free one.
    port: int = 8080
    #: How many detection workers for each model.
    workers: int = 1
    #: Local folders below which a job's container may lie.
    allowed_roots: tuple[Path, ...] = ()
    code_folder: Path = CODE_FOLDER


def child_environment(
    options: SystemOptions, folder: DataFolder, environ: Mapping[str, str]
) -> dict[str, str]:
    """The variables of all children, without REDIS_URL.

    What `environ` sets stays as it is; what it leaves open is found in the data folder. Raises
    ConfigError when a path cannot be written into a variable.
    """
    return {
        **environ,
        "MEGABATCH_STORAGE_URL": environ.get("MEGABATCH_STORAGE_URL") or folder.storage.as_uri(),
        "MEGABATCH_SECRET_KEYS": environ.get("MEGABATCH_SECRET_KEYS") or folder.secret_key(),
        "MEGABATCH_ALLOWED_ROOTS": _paths(
            environ, "MEGABATCH_ALLOWED_ROOTS", options.allowed_roots
        ),
        "MEGABATCH_MODEL_FILES": _paths(environ, "MEGABATCH_MODEL_FILES", options.model_files),
        "MEGABATCH_MODEL_FOLDER": str(options.model_folder.expanduser().resolve()),
        "MEGABATCH_DEFAULT_MODEL": options.models[0],
        # People look at these logs, and are shown the end of one after a crash.
        "MEGABATCH_LOG_FORMAT": environ.get("MEGABATCH_LOG_FORMAT") or "text",
        # A log that is shown after a crash must hold the last words.
        "PYTHONUNBUFFERED": "1",
    }


def _paths(environ: Mapping[str, str], variable: str, more: Sequence[Path]) -> str:
    """The comma list of a variable, with `more` behind what it holds."""
    paths = [str(path.expanduser().resolve()) for path in more]
    for path in paths:
        if "," in path:
            raise ConfigError(f"A path given to `serve` may have no comma in it: {path}")
    given = environ.get(variable, "").strip()
    return ",".join([given, *paths] if given else paths)


class System:
    """The running processes. Made by `running_system`; for use from one thread."""

    def __init__(
        self, options: SystemOptions, folder: DataFolder, report: Callable[[str], None]
    ) -> None:
        """Starts nothing yet. Raises ConfigError when the port is taken."""
        self.options = options
        self.folder = folder
        host, port = options.host, _free_to_use(options.host, options.port)
        self._arguments = ("--host", host, "--port", str(port))
        reached_at = _REACHED_AT.get(host, host)
        self.client = Client(f"http://{_in_url(reached_at)}:{port}")
        self._redis_url = ""
        self._redis = Supervisor(report)
        self._services = Supervisor(report)

    @property
    def url(self) -> str:
        return self.client.service

    def start(self, environment: Mapping[str, str], lock: int) -> None:
        """Start everything; Redis first, unless `environment` names one.

        Raises ConfigError or Unavailable when Redis cannot be used.
        """
        url = environment.get("REDIS_URL", "").strip() or self._start_redis(environment, lock)
        self._redis_url = url
        self._keep_settings(environment, url)
        wait_for_redis(url, REDIS_SECONDS, self._check_starting)
        environment = {**environment, "REDIS_URL": url}
        for name, *arguments in self._programs():
            self._services.start(
                ChildSpec(
                    name=name,
                    command=(sys.executable, "-m", *arguments),
                    environment=environment,
                    folder=self.options.code_folder,
                    log=self._log(name),
                    kept_open=(lock,),
                )
            )

    def _keep_settings(self, environment: Mapping[str, str], url: str) -> None:
        kept = {variable: environment.get(variable, "") for variable in _KEPT}
        # One that the user named may hold a password.
        own = {} if environment.get("REDIS_URL", "").strip() else {"REDIS_URL": url}
        self.folder.keep_settings(kept | own)

    def _start_redis(self, environment: Mapping[str, str], lock: int) -> str:
        port = free_port()
        self._redis.start(
            ChildSpec(
                name="redis",
                command=server_command(find_server(), port, self.folder.redis),
                environment=environment,
                folder=self.folder.redis,
                log=self._log("redis"),
                kept_open=(lock,),
            )
        )
        return f"redis://127.0.0.1:{port}/0"

    def _programs(self) -> Iterator[tuple[str, ...]]:
        yield ("api", "api", *self._arguments)
        yield ("control-worker", "workers", "control")
        models = [name for name in self.options.models for _ in range(self.options.workers)]
        for number, model in enumerate(models, 1):
            yield (f"detection-worker-{number}", "workers", "detection", "--model", model)

    def _log(self, name: str) -> Path:
        """The child's log file; what an earlier run wrote is kept beside it, once."""
        log = self.folder.logs / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.old"))
        return log

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until the API answers, and a detection worker of each model.

        Raises Unavailable, with the end of the log at fault, when a child ends meanwhile or time
        runs out.
        """
        deadline = time.monotonic() + seconds
        while not self._ready():
            self._check_starting()
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The system did not get ready within {seconds:g} s. Look at the logs in "
                    f"{self.folder.logs}.\n{self._last_words()}"
                )
            time.sleep(_LOOK_EVERY)

    def _ready(self) -> bool:
        if not self.client.ready():
            return False
        # Storage and Redis are heavy libraries, which most commands do without.
        from redis import Redis

        from core.job_reader import JobReader

        # Redis is asked, and not the API, which answers only who has a key once there are any.
        with Redis.from_url(self._redis_url, socket_timeout=_REDIS_TIMEOUT) as redis:
            reader = JobReader(redis, send=lambda _messages: None)
            try:
                return all(reader.live_workers(model) for model in self.options.models)
            except Unavailable:
                return False

    def _check_starting(self) -> None:
        child = self._redis.ended() or self._services.ended()
        if child:
            log = child.spec.log
            raise Unavailable(
                f"{child.spec.name} ended with exit code {child.process.returncode} while "
                f"starting. The end of {log}:\n{tail(log)}"
            )

    def _last_words(self) -> str:
        logs = (child.spec.log for child in self._services.children)
        return "\n".join(f"{log.name}: {tail(log, 3)}" for log in logs)

    def tend(self) -> None:
        """Look after every process once; to be called again and again."""
        self._redis.tend()
        self._services.tend()

    def pause(self, seconds: float) -> None:
        """Sleep, and look after the processes meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.tend()
            time.sleep(min(left, _LOOK_EVERY))

    def stop(self) -> None:
        """Stop everything, Redis last: the others need it to give back their work."""
        try:
            self._services.stop()
        finally:
            self._redis.stop(REDIS_GRACE)
            self.client.close()


@contextmanager
def running_system(
    options: SystemOptions, environ: Mapping[str, str], report: Callable[[str], None]
) -> Iterator[System]:
    """The system, started but perhaps not ready yet, and stopped at the end of the block.

    `environ` is what the user's settings are read from; `report` gets a line when something
    unexpected happens. Raises ConfigError, Unavailable or OSError when it cannot be started.
    """
    folder = DataFolder(options.data_folder)
    with folder.locked() as lock:
        system = System(options, folder, report)
        try:
            system.start(child_environment(options, folder, environ), lock)
            yield system
        finally:
            system.stop()


def _free_to_use(host: str, port: int) -> int:
    """The port, once it was found that it can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        raise ConfigError(
            f"{host} port {port} cannot be used: {error.strerror}. Choose another with --port."
        ) from error


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
