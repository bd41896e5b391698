"""`megabatch mend`: on a storage that is a copy, before its service starts."""

import os
from collections import Counter
from pathlib import Path

import click

from cli.data_folder import DataFolder, data_option, folder_meant
from cli.exit_codes import DONE, FAILED
from cli.redis_link import asked_redis
from cli.terminal import say, say_error
from core.config import Settings, read_settings
from core.jobs import utc_now
from core.mending import Mending, Outcome, open_mending


@click.command("mend")
@data_option
def mend(data_folder: Path | None) -> int:
    """Mend a copy of a storage before a service starts on it.

    A copy that was made while jobs ran may lack files, or hold some of jobs that were deleted
    meanwhile. Run this once, when the copy is in its place, Redis runs and is empty, and nothing
    else runs. Jobs that had not ended go on then from what the copy has of them.
    """
    folder = folder_meant(data_folder, os.environ)
    if folder is None:
        settings = read_settings(os.environ)
        _check_redis(settings)
        return _mend(open_mending(settings, utc_now()))
    if not folder.is_dir():
        raise click.UsageError(f"There is no data folder {folder}.")
    return _mend_data(DataFolder(folder))


def _mend_data(folder: DataFolder) -> int:
    """The storage of a `megabatch serve`, which must not run. Raises ConfigError."""
    with folder.locked():
        if any(folder.redis.iterdir()):
            raise click.UsageError(
                f"Its Redis remembers other times: delete what lies in {folder.redis}."
            )
        return _mend(open_mending(Settings(storage_url=folder.storage.as_uri()), utc_now()))


def _check_redis(settings: Settings) -> None:
    """Raises click.UsageError where a service runs, or ran, with this Redis."""
    with asked_redis(settings) as redis:
        if redis.dbsize():
            raise click.UsageError(
                "Redis remembers jobs. This is for a copy on which nothing runs yet: stop the API "
                "and all workers, empty Redis (FLUSHALL), and run this again."
            )


def _mend(mending: Mending) -> int:
    counts = Counter[Outcome]()
    for job_id, outcome in mending.run():
        counts[outcome] += 1
        say(f"{job_id} {outcome}")
    if counts["is damaged"]:
        say_error("Files of the jobs that are damaged cannot be read. All others are mended.")
    if counts["has lost its results"]:
        say_error(
            "Files of jobs that ended long ago are missing, and nothing is left to make them from. "
            "Look for them in an older copy."
        )
    say("Start the service now.")
    return FAILED if counts["is damaged"] or counts["has lost its results"] else DONE
