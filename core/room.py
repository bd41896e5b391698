"""Whether there is room on the disks that a worker writes to."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.config import Settings
from core.errors import Unavailable

_MEGABYTE = 1_000_000


class NoRoom(Unavailable):
    """A disk is full; make room on it."""

    code = "no_room"


def check_room(settings: Settings) -> None:
    """Raises NoRoom, naming the folder, where less is free than `settings.least_room`, or nobody
    can tell.
    """
    for folder in written_folders(settings):
        free_room(folder, settings)


def free_room(folder: Path, settings: Settings) -> int:
    """How much is free in the folder, MB. Raises NoRoom where that is too little."""
    try:
        free = shutil.disk_usage(folder).free // _MEGABYTE
    except OSError as error:
        raise NoRoom(f"{folder} cannot be looked at ({error.strerror}).") from error
    if free < settings.least_room:
        raise NoRoom(
            f"Only {free} MB are free in {folder}, less than MEGABATCH_LEAST_ROOM "
            f"({settings.least_room} MB): this worker takes no work until there is room."
        )
    return free


def written_folders(settings: Settings) -> Iterator[Path]:
    """Where workers write: their temporary folder, and the storage where that is a folder."""
    # Not as `tempfile` finds it out: by writing, which fails where there is no room at all.
    yield _standing(Path(os.environ.get("TMPDIR") or "/tmp"))
    if folder := settings.storage_folder:
        yield _standing(folder)


def _standing(folder: Path) -> Path:
    """The folder, or where it would be made."""
    return next(place for place in (folder, *folder.parents) if _stands(place))


def _stands(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:
        # A network file system whose server is away refuses even this: `free_room` will say so.
        return True
