"""The data folder of `serve`: one machine's jobs, Redis data, secret key and logs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from core.errors import ConfigError
from core.replacing import whole_file
from core.sealing import new_secret_key

#: Where `serve` keeps its data when nobody says.
DATA_FOLDER = Path("megabatch-data")
#: What names the storage of a service that is none of `serve`.
VARIABLE = "MEGABATCH_STORAGE_URL"

data_option = click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Data folder of a `megabatch serve`. [default: the storage that {VARIABLE} names, else "
    f"{DATA_FOLDER} where there is one here]",
)


def folder_meant(named: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The data folder that is named, or is here; None where the environment names the storage.

    None, too, where neither is so. Raises click.UsageError where both are named.
    """
    url = environ.get(VARIABLE, "").strip()
    if url and named is not None:
        raise click.UsageError(
            f"{VARIABLE} names the storage, and `megabatch serve` goes by it too. "
            "Unset it, or leave --data away."
        )
    here = DATA_FOLDER if DATA_FOLDER.is_dir() and not url else None
    return named or here


class DataFolder:
    """The places in a data folder."""

    def __init__(self, path: Path, *, made: bool = True) -> None:
        """`made`: the folders are made where they are not there yet, or OSError is raised."""
        self.path = path.expanduser().resolve()
        self.storage = self.path / "storage"
        self.redis = self.path / "redis"
        self.logs = self.path / "logs"
        self._secret_key = self.path / "secret-key"
        self._settings = self.path / "settings.json"
        for folder in (self.storage, self.redis, self.logs) if made else ():
            folder.mkdir(parents=True, exist_ok=True)

    def secret_key(self) -> str:
        """The key that seals secrets here: made once, readable by its owner alone.

        Raises ConfigError when others may read it.
        """
        # Written whole before it has its name, so that no crash leaves half a key.
        part = self.path / f".secret-key.{os.getpid()}"
        part.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
                new.write(new_secret_key())
            os.link(part, self._secret_key)
        except FileExistsError:
            _check_mode(self._secret_key)
        finally:
            part.unlink(missing_ok=True)
        return self._secret_key.read_text().strip()

    def kept_secret_key(self) -> str:
        """The key that was made here; empty where none was. Raises as `secret_key` does."""
        if not self._secret_key.is_file():
            return ""
        _check_mode(self._secret_key)
        return self._secret_key.read_text().strip()

    def keep_settings(self, settings: Mapping[str, str]) -> None:
        """Keep the variables of this start, for whoever examines the service; no secrets."""
        with whole_file(self._settings) as part:
            part.write_bytes(msgspec.json.encode(settings))

    def kept_settings(self) -> dict[str, str]:
        """Those of the last start; none where there was none. Raises ConfigError."""
        try:
            return msgspec.json.decode(self._settings.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"{self._settings} is damaged. Start `megabatch serve` again, which writes it anew."
            ) from error

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the folder for this `serve` alone; gives the descriptor that holds the lock.

        Whoever inherits the descriptor holds the folder too: two servers on the same files would
        ruin them. Raises ConfigError when another one holds it.
        """
        import fcntl  # not on Windows, where the commands that talk HTTP must run all the same

        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"Another `megabatch serve` works in {self.path}, or is just stopping. "
                    "Stop it, wait a few seconds, or choose another folder with --data."
                ) from error
            yield file.fileno()


def _check_mode(file: Path) -> None:
    if file.stat().st_mode & 0o077:
        raise ConfigError(
            f"Others can read the secret key {file}. If nobody has, run `chmod 600 {file}`."
        )
