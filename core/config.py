"""Settings, read once at the edge from a mapping such as `os.environ`.

Each field of `Settings` has one variable. A wrong value is an error that names its variable.
"""

import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import unquote, urlsplit

import msgspec

from core.errors import ConfigError
from core.logs import LogFormat

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(Path(word).expanduser().resolve() for word in _words(text))


def _networks(text: str) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(word) for word in _words(text))


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text == "yes"


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def _not_negative(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError("must be 0 or more")
    return number


def _log_format(text: str) -> LogFormat:
    if text not in get_args(LogFormat):
        raise ValueError("must be json or text")
    return cast(LogFormat, text)


def _path(text: str) -> Path:
    return Path(text).expanduser().resolve()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a service; the same for its API and its workers."""

    #: Where the broker and the live state are.
    redis_url: str = "redis://127.0.0.1:6379/0"
    #: Our own storage: `file:///folder`, `az://container`, `s3://bucket` or `gs://bucket`.
    storage_url: str = ""
    #: Keys that seal SAS URLs: the first seals, all open.
    secret_keys: tuple[str, ...] = ()
    #: Local folders below which a `container_url` may lie.
    allowed_roots: tuple[Path, ...] = ()
    #: Hosts that may be read; `*.` at the front stands for one or more labels.
    allowed_hosts: tuple[str, ...] = ("*.blob.core.windows.net",)
    #: Hosts that webhooks may be on, likewise; `*` stands for all.
    webhook_hosts: tuple[str, ...] = ("*",)
    #: Private address ranges that may be read; plain http and any port are allowed there too.
    allowed_private_ranges: tuple[IpNetwork, ...] = ()
    #: Private address ranges that webhooks may be at, likewise.
    webhook_private_ranges: tuple[IpNetwork, ...] = ()
    #: Where proxies are that say truly who asked them, and by which name.
    trusted_proxies: tuple[IpNetwork, ...] = _networks("127.0.0.0/8, ::1/128")
    #: The model of jobs that name none.
    default_model: str = "megadetector-v3"
    #: Frozen graphs of one's own, which jobs may name by their files' stems.
    model_files: tuple[Path, ...] = ()
    #: Where model weights lie on disk.
    model_folder: Path = Path("~/.cache/megabatch/models").expanduser()
    #: Days from a job's submission to its `expires_at`; nothing is deleted before.
    retention_days: int = 180
    #: Whether whoever follows a link is sent on to our storage, by a URL signed for some minutes.
    link_redirects: bool = False
    #: Requests a minute that each caller may send to one API process.
    requests_per_minute: int = 3000
    #: Jobs that have not ended, for each caller.
    live_jobs: int = 100
    #: Images that those jobs have to go, for each caller.
    queued_images: int = 50_000_000
    #: How long a shard may show no progress before its worker process gives up, seconds.
    stall_after: int = 180
    #: A worker takes no work while less than this is free on a disk that it writes to, MB.
    least_room: int = 500
    #: How many jobs a control worker lists or merges at a time, each in a process of its own.
    control_processes: int = 4
    #: How the logs of the API and the workers are written: `json`, one object a line, or `text`.
    log_format: LogFormat = "json"

    @property
    def storage_folder(self) -> Path | None:
        """Our own storage, where that is a local folder. Raises ValueError for what is no URL."""
        parts = urlsplit(self.storage_url)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    def __repr__(self) -> str:
        return "Settings(<hidden>)"


_NO_STORAGE = (
    "MEGABATCH_STORAGE_URL is not set. Name the place where MegaBatch keeps its jobs, such as "
    "file:///srv/megabatch or az://container."
)

#: Variable, field of Settings, and how its text is read.
VARIABLES: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("REDIS_URL", "redis_url", str),
    ("MEGABATCH_STORAGE_URL", "storage_url", str),
    ("MEGABATCH_SECRET_KEYS", "secret_keys", _words),
    ("MEGABATCH_ALLOWED_ROOTS", "allowed_roots", _paths),
    ("MEGABATCH_ALLOWED_HOSTS", "allowed_hosts", _words),
    ("MEGABATCH_WEBHOOK_HOSTS", "webhook_hosts", _words),
    ("MEGABATCH_ALLOWED_PRIVATE_RANGES", "allowed_private_ranges", _networks),
    ("MEGABATCH_TRUSTED_PROXIES", "trusted_proxies", _networks),
    ("MEGABATCH_WEBHOOK_PRIVATE_RANGES", "webhook_private_ranges", _networks),
    ("MEGABATCH_DEFAULT_MODEL", "default_model", str),
    ("MEGABATCH_MODEL_FILES", "model_files", _paths),
    ("MEGABATCH_MODEL_FOLDER", "model_folder", _path),
    ("MEGABATCH_RETENTION_DAYS", "retention_days", _positive),
    ("MEGABATCH_LINK_REDIRECTS", "link_redirects", _yes_or_no),
    ("MEGABATCH_REQUESTS_PER_MINUTE", "requests_per_minute", _positive),
    ("MEGABATCH_LIVE_JOBS", "live_jobs", _positive),
    ("MEGABATCH_QUEUED_IMAGES", "queued_images", _positive),
    ("MEGABATCH_STALL_AFTER", "stall_after", _positive),
    ("MEGABATCH_LEAST_ROOM", "least_room", _not_negative),
    ("MEGABATCH_CONTROL_PROCESSES", "control_processes", _positive),
    ("MEGABATCH_LOG_FORMAT", "log_format", _log_format),
)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`. An empty variable counts as not set. Raises ConfigError."""
    settings, faults = read_what_can_be(environ)
    if faults:
        raise faults[0]
    return settings


def read_what_can_be(environ: Mapping[str, str]) -> tuple[Settings, list[ConfigError]]:
    """The settings, with the default of each variable that is at fault; and these faults."""
    values: dict[str, Any] = {}
    faults: list[ConfigError] = []
    for variable, field, read in VARIABLES:
        text = environ.get(variable, "").strip()
        if not text:
            continue
        try:
            values[field] = read(text)
        except ValueError as error:
            faults.append(ConfigError(f"{variable} cannot be read: {error}"))
    if not values.get("storage_url"):
        faults.append(ConfigError(_NO_STORAGE))
    return Settings(**values), faults
