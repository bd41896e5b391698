"""The jobs that ended in a month, from our storage: those that are kept, and those deleted since.

The names in `due/` tell which jobs may be among them, so that only their records are read.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import msgspec

from core.ahead import ahead
from core.job_folder import JobFolder
from core.retention import KEPT_AFTER_END, REMEMBERED
from core.usage import JobUsage, Month, usage_of

#: Records that are read at a time.
_READERS = 16
#: Clocks of the machines that end jobs and delete them differ by less.
_CLOCKS_DIFFER = timedelta(days=1)


class EndedJob(msgspec.Struct, frozen=True):
    """A job that ended in a month, or may have."""

    id: str
    caller: str = ""
    #: None where it is not known what the job came to, nor when it ended.
    usage: JobUsage | None = None


_Look = Callable[[str], EndedJob | None]


def ended_in(folder: JobFolder, month: Month) -> Iterator[EndedJob]:
    """Each job that ended in a month, once; memory holds their ids. Raises JobFolderTrouble.

    Jobs that were deleted are known for 365 days. One that is deleted meanwhile is told, too.
    """
    told: set[str] = set()
    for job in _found(folder, month):
        if job.id not in told:
            told.add(job.id)
            yield job


def _found(folder: JobFolder, month: Month) -> Iterator[EndedJob]:
    # Those that are kept come first: one whose files are gone by the time that they are read had a
    # tombstone before, and is found among the deleted ones.
    retention = folder.retention
    kept_since = month.start + KEPT_AFTER_END - _CLOCKS_DIFFER
    deleted_since = month.start + REMEMBERED - _CLOCKS_DIFFER
    walks: tuple[tuple[Iterator[str], _Look], ...] = (
        (retention.scheduled("job", kept_since), partial(_kept, folder, month)),
        (retention.scheduled("gone", deleted_since), partial(_deleted, folder, month)),
    )
    with ThreadPoolExecutor(_READERS, "records") as threads:
        for ids, look in walks:
            yield from (job for job in ahead(threads, look, ids, 4 * _READERS) if job)


def _kept(folder: JobFolder, month: Month, job_id: str) -> EndedJob | None:
    """A job whose files are there; None where it ended in another month, or was deleted."""
    try:
        final = folder.read_final(job_id)
        if Month.of(final.finished_at) != month:
            return None
        caller = final.caller or folder.read_shown(job_id).caller
    except FileNotFoundError:
        return None
    except ValueError:  # damaged
        return EndedJob(job_id)
    return EndedJob(job_id, caller, usage_of(final))


def _deleted(folder: JobFolder, month: Month, job_id: str) -> EndedJob | None:
    """A job that was deleted; None where it ended in another month, or is forgotten by now."""
    try:
        tombstone = folder.retention.tombstone(job_id)
    except ValueError:  # damaged
        return EndedJob(job_id)
    if tombstone is None:
        return None
    if tombstone.usage is None:  # from before that was kept
        return EndedJob(job_id) if tombstone.deleted_at >= month.start else None
    if Month.of(tombstone.usage.finished_at) != month:
        return None
    return EndedJob(job_id, tombstone.caller, tombstone.usage)
