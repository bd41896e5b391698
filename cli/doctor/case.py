"""What is examined: the settings of a service, and where they are from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from redis.exceptions import RedisError

from cli.data_folder import VARIABLE, DataFolder, folder_meant
from cli.extras import is_here
from cli.redis_link import REDIS_SECONDS
from cli.weights import default_model_folder
from core.config import Settings, read_what_can_be
from core.errors import ConfigError
from core.queue import connect_redis

_FOLDER, _KEYS, _REDIS = "MEGABATCH_MODEL_FOLDER", "MEGABATCH_SECRET_KEYS", "REDIS_URL"


_Kept = TypeVar("_Kept")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A service, as far as it is known here."""

    settings: Settings
    #: What is wrong with single settings; `settings` has their defaults.
    faults: tuple[ConfigError, ...] = ()
    #: The data folder, where it is a service of `megabatch serve`.
    served: DataFolder | None = None
    #: Why no Redis can be asked; empty where `settings` name one.
    no_redis: str = ""
    #: The model to look at; empty for the default.
    model: str = ""

    @property
    def detects(self) -> bool:
        """Whether this host is one for detection: the image of the API has no TensorFlow."""
        return is_here("tensorflow")


def case_of(named: Path | None, model: str, environ: Mapping[str, str]) -> Case:
    """The service of the environment; else that of the data folder that is named, or is here.

    Raises click.UsageError for a data folder that there is not, or that should not be named.
    """
    folder = folder_meant(named, environ)
    if folder is not None and not folder.is_dir():
        raise click.UsageError(f"There is no data folder {folder}.")
    # As `megabatch worker` has it.
    given = {**environ, _FOLDER: environ.get(_FOLDER) or str(default_model_folder())}
    if folder is not None:
        return _served(DataFolder(folder, made=False), model, given)
    settings, faults = read_what_can_be(given)
    return Case(settings=settings, faults=tuple(faults), model=model)


def _served(folder: DataFolder, model: str, given: Mapping[str, str]) -> Case:
    """The service of `megabatch serve`, with the settings of its last start."""
    faults: list[ConfigError] = []
    kept: dict[str, str] = _kept(folder.kept_settings, {}, faults)
    key = _kept(folder.kept_secret_key, "", faults)
    url = given.get(_REDIS, "").strip() or kept.get(_REDIS, "")
    known = {name: text for name, text in kept.items() if text}
    own = {VARIABLE: folder.storage.as_uri(), _KEYS: given.get(_KEYS) or key, _REDIS: url}
    settings, wrong = read_what_can_be({**given, **known, **own})
    no_redis = "" if given.get(_REDIS, "").strip() else _why_not_asked(folder, settings, url)
    return Case(
        settings=settings,
        faults=(*faults, *wrong),
        served=folder,
        no_redis=no_redis,
        model=model,
    )


def _kept(read: Callable[[], _Kept], otherwise: _Kept, faults: list[ConfigError]) -> _Kept:
    """What was kept; `otherwise`, and one more fault, where it cannot be used."""
    try:
        return read()
    except ConfigError as error:
        faults.append(error)
        return otherwise


def _why_not_asked(folder: DataFolder, settings: Settings, url: str) -> str:
    """Why the Redis of `serve` cannot be asked; nothing where it runs."""
    if not url:
        return f"{folder.path} does not tell: set {_REDIS} here, if `megabatch serve` has it set"
    if not _is_of(folder, settings):
        return f"`megabatch serve` does not run in {folder.path}, or is just starting"
    return ""


def _is_of(folder: DataFolder, settings: Settings) -> bool:
    """Whether the Redis that answers is that of the folder: its port may be another's by now."""
    with connect_redis(settings, socket_timeout=REDIS_SECONDS) as redis:
        try:
            return Path(str(redis.config_get("dir")["dir"])).resolve() == folder.redis
        except (RedisError, KeyError):
            return False
