"""The data folder of `serve`: one machine's jobs, Redis data, secret key and logs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError
from core.sealing import new_secret_key

#: Where `serve` keeps its data when nobody says.
DATA_FOLDER = Path("megabatch-data")


class DataFolder:
    """The places in a data folder. Makes the folders it names."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when the folders cannot be made."""
        self.path = path.expanduser().resolve()
        self.storage = self.path / "storage"
        self.redis = self.path / "redis"
        self.logs = self.path / "logs"
        for folder in (self.storage, self.redis, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def secret_key(self) -> str:
        """The key that seals secrets here: made once, readable by its owner alone.

        Raises ConfigError when others may read it.
        """
        file = self.path / "secret-key"
        # Written whole before it has its name, so that no crash leaves half a key.
        part = self.path / f".secret-key.{os.getpid()}"
        part.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
                new.write(new_secret_key())
            os.link(part, file)
        except FileExistsError:
            _check_mode(file)
        finally:
            part.unlink(missing_ok=True)
        return file.read_text().strip()

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
