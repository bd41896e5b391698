"""How long the files of a job are kept, and what is left of a job that was deleted.

due/{day}/{HHMM}-{id}.{what}    what is to be done with a job that has ended, and when (UTC)
sweep/{id}                      a job that is being deleted: what the cleaner needs to end that
gone/{id}                       a job that was deleted
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, cast, get_args

import msgspec

from core.jobs import AcceptedJob, FinalRecord
from core.storage import Storage
from core.usage import JobUsage, usage_of

logger = logging.getLogger(__name__)

#: What was only needed to make the results goes so long after the end of a job, and no job goes
#: earlier after its end.
KEPT_AFTER_END = timedelta(days=7)
#: So long before a job is deleted, its webhook is told.
TOLD_BEFORE = timedelta(days=7)
#: So long a deleted job is known as deleted.
REMEMBERED = timedelta(days=365)

#: `parts`: shard outputs go. `expiring`: the webhook is told. `job`: the whole job is deleted.
#: `gone`: the deleted job is forgotten.
What = Literal["parts", "expiring", "job", "gone"]

_DUE, _SWEEP, _GONE = "due/", "sweep/", "gone/"
_STAMP = "%Y-%m-%d/%H%M"
_MINUTE = timedelta(minutes=1)


class Tombstone(msgspec.Struct, frozen=True):
    """What is known of a deleted job, `gone/{id}`."""

    caller: str
    deleted_at: datetime
    #: What the job came to; None of one that was deleted before this was kept.
    usage: JobUsage | None = None


class Sweep(msgspec.Struct, frozen=True):
    """A deletion that has begun, `sweep/{id}`. From then on it will be ended."""

    job_id: str
    tombstone: Tombstone
    #: Paths of what was still to be done with the job.
    due: tuple[str, ...]


class Due(msgspec.Struct, frozen=True):
    """What is to be done with a job."""

    path: str
    job_id: str
    what: What


def deleted_at(expires_at: datetime, final: FinalRecord) -> datetime:
    """When a job goes by itself: at its `expires_at`, but never soon after its end."""
    return max(expires_at, final.finished_at + KEPT_AFTER_END)


class Retention:
    """What is to be kept and what is to go, in one storage.

    Each method raises JobFolderTrouble when it does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    # What is due.

    def schedule(self, job: AcceptedJob, final: FinalRecord) -> None:
        """Note what is to be done with a job that has ended; done again, it changes nothing."""
        for path in _schedule(job, final):
            self._storage.create(path, b"")

    def due(self, now: datetime) -> Iterator[Due]:
        """What is due, the oldest first. Memory holds one day."""
        latest = _DUE + now.astimezone(UTC).strftime(_STAMP)
        for day in self._days():
            if f"{_DUE}{day}" > latest:
                return
            for due in self._of_day(day):
                if due.path.partition("-" + due.job_id)[0] > latest:
                    return
                yield due

    def done(self, due: Due) -> None:
        self._storage.delete(due.path)

    def ended_jobs(self) -> Iterator[str]:
        """Ids of all jobs that have ended and were not deleted, roughly the newest first."""
        for day in reversed(self._days()):
            yield from (due.job_id for due in reversed(self._of_day(day)) if due.what == "job")

    def scheduled(self, what: What, since: datetime) -> Iterator[str]:
        """Ids of jobs with which this is to be done on the day of `since` (UTC) or later.

        In any order; one of which that is done, or first said, meanwhile may be among them or not.
        """
        day = since.astimezone(UTC).date().isoformat()
        for name in self._storage.each_name(_DUE, after=day):
            due = _read_due(name)
            if due and due.what == what:
                yield due.job_id

    # Deleting.

    def begin_sweep(self, job: AcceptedJob, final: FinalRecord | None, now: datetime) -> Sweep:
        """Commit the deletion of a job that has ended; what stands, of whoever came first.

        `final` is None where that record is damaged: then nobody knows what is due of the job, and
        whoever comes to it finds nothing left to do.
        """
        tombstone = Tombstone(job.caller, now, usage_of(final) if final else None)
        sweep = Sweep(job.id, tombstone, tuple(_schedule(job, final)) if final else ())
        data = self._storage.create(_SWEEP + job.id, msgspec.json.encode(sweep))
        return msgspec.json.decode(data, type=Sweep)

    def is_sweeping(self, job_id: str) -> bool:
        """Whether the job is being deleted."""
        return self._storage.exists(_SWEEP + job_id)

    def sweeps(self) -> Iterator[Sweep]:
        """The deletions that have not ended; of one that is damaged the log tells."""
        for job_id in self._storage.names(_SWEEP):
            try:
                sweep = self._read_sweep(job_id)
            except FileNotFoundError:
                continue  # another cleaner has just ended it
            except ValueError:
                logger.error(
                    "%s: its deletion cannot go on, for sweep/%s in our storage is damaged. "
                    "Delete that file, and then the job once more.",
                    *(job_id, job_id),
                )
                continue
            yield sweep

    def _read_sweep(self, job_id: str) -> Sweep:
        """Raises FileNotFoundError, and ValueError when it is damaged."""
        data = self._storage.read(_SWEEP + job_id)
        try:
            return msgspec.json.decode(data, type=Sweep)
        except ValueError:
            tombstone = self.tombstone(job_id)
            if tombstone is None:
                raise
            # The job is buried; only what was due of it is not known, and that does no harm.
            return Sweep(job_id, tombstone, ())

    def bury(self, sweep: Sweep) -> None:
        """The job is gone from now on, whatever is left of its files."""
        tomb = sweep.tombstone
        self._storage.create(_GONE + sweep.job_id, msgspec.json.encode(tomb))
        self._storage.create(_path(tomb.deleted_at + REMEMBERED, sweep.job_id, "gone"), b"")

    def sweep_again(self, job_id: str, tombstone: Tombstone) -> None:
        """Have a deletion ended that was ended before, and of which files have come back."""
        sweep = Sweep(job_id, tombstone, ())
        self._storage.create(_SWEEP + job_id, msgspec.json.encode(sweep))

    def due_of_each(self) -> dict[str, list[str]]:
        """The paths of all that is due of each job, some day. Memory holds all of them."""
        found: dict[str, list[str]] = {}
        for name in self._storage.each_name(_DUE):
            due = _read_due(name)
            if due:
                found.setdefault(due.job_id, []).append(due.path)
        return found

    def end_sweep(self, sweep: Sweep) -> None:
        """All that the job owned is deleted."""
        for path in sweep.due:
            self._storage.delete(path)
        self._storage.delete(_SWEEP + sweep.job_id)

    def tombstone(self, job_id: str) -> Tombstone | None:
        """What is known of a job that was deleted; None of one that was not."""
        try:
            return msgspec.json.decode(self._storage.read(_GONE + job_id), type=Tombstone)
        except FileNotFoundError:
            return None

    def is_gone(self, job_id: str) -> bool:
        """Whether the job was deleted."""
        return self._storage.exists(_GONE + job_id)

    def forget(self, job_id: str) -> None:
        """Know a deleted job no longer."""
        self._storage.delete(_GONE + job_id)

    def _days(self) -> list[str]:
        return self._storage.folders(_DUE)

    def _of_day(self, day: str) -> list[Due]:
        names = self._storage.names(f"{_DUE}{day}/")
        return [due for name in names if (due := _read_due(f"{day}/{name}"))]


def _read_due(name: str) -> Due | None:
    """What a name below `due/` says; None where it is none of ours."""
    _, _, rest = name.partition("/")
    _, _, rest = rest.partition("-")
    job_id, _, what = rest.partition(".")
    return Due(_DUE + name, job_id, cast(What, what)) if what in get_args(What) else None


def _schedule(job: AcceptedJob, final: FinalRecord) -> list[str]:
    """The names of what is to be done with a job that has ended."""
    goes = deleted_at(job.expires_at, final)
    # Of what is near already, the webhook is told at once.
    told = max(goes - TOLD_BEFORE, final.finished_at)
    return [
        _path(final.finished_at + KEPT_AFTER_END, job.id, "parts"),
        _path(told, job.id, "expiring"),
        _path(goes, job.id, "job"),
    ]


def _path(moment: datetime, job_id: str, what: What) -> str:
    """Nothing is due before its time: what falls into a minute is due when that is over."""
    whole = moment.astimezone(UTC) + _MINUTE
    return f"{_DUE}{whole.strftime(_STAMP)}-{job_id}.{what}"
