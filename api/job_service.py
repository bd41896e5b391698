"""What the API does with jobs, free of HTTP: accept, show, list, cancel, hand out results."""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache, partial

import msgspec

from api.problems import BeingRestored, NoResults
from api.source_check import check_source
from core.config import Settings
from core.containers.opening import within
from core.errors import JobConflict, JobNotFound, ResultsNotReady, Unavailable
from core.job_folder import JobFolder
from core.job_record import shown_request
from core.job_store import JobStore
from core.jobs import (
    AcceptedJob,
    FinalRecord,
    Job,
    JobRequest,
    JobStatus,
    new_job_id,
    utc_now,
)

logger = logging.getLogger(__name__)

#: Statuses from which a job can be cancelled.
CANCELLABLE = frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED})

# Each part that is slow may take two seconds; all together, whoever submits waits three at most.
_CHECK_SECONDS = 2.8

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
# Records are small, and never change once they stand.
_KEPT_RECORDS = 1000


class Shown(msgspec.Struct, frozen=True):
    """What `job.json` tells of a job: nothing secret, and a list of images only by its length."""

    request: JobRequest
    images: int | None
    created_at: datetime
    expires_at: datetime


class JobView(msgspec.Struct, frozen=True):
    """A job as it is shown. `final` is there once it has ended."""

    job: Job
    shown: Shown
    final: FinalRecord | None = None


class Results(msgspec.Struct, frozen=True):
    """A results file on its way out."""

    final: FinalRecord
    #: Bytes.
    size: int
    #: The bytes from one position up to another.
    pieces: Callable[[int, int], Iterator[bytes]]


class JobService:
    """One of these serves all requests of a process; it is safe between threads."""

    def __init__(
        self, settings: Settings, store: JobStore, folder: JobFolder, results_folder: JobFolder
    ) -> None:
        """`folder` and `results_folder` are of one storage; the second has time for long reads."""
        self._store = store
        self._folder = folder
        self._results_folder = results_folder
        self._retention = timedelta(days=settings.retention_days)
        self._settings = settings
        self._shown = lru_cache(_KEPT_RECORDS)(self._read_shown)
        self._final = lru_cache(_KEPT_RECORDS)(self._folder.read_final)

    # Accepting.

    def submit(self, request: JobRequest) -> JobView:
        """Accept a job. Raises InvalidRequest or Unavailable, and then nothing was accepted."""
        within(_CHECK_SECONDS, lambda: self._check(request))
        job = self._accepted(request)
        self._folder.accept(job)
        logger.info("accepted job %s for %s", job.id, request.model)
        return JobView(self._make_known(job), _shown(job))

    def _check(self, request: JobRequest) -> None:
        self._store.ping()
        self._folder.probe()
        check_source(request, self._settings)

    def _accepted(self, request: JobRequest) -> AcceptedJob:
        now = utc_now()
        # Redis keeps milliseconds; every place is to tell the same time.
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return AcceptedJob(
            id=new_job_id(), request=request, created_at=now, expires_at=now + self._retention
        )

    def _make_known(self, job: AcceptedJob) -> Job:
        try:
            self._store.create(job)
            known = self._store.get(job.id)
        except Unavailable:
            # It is accepted all the same: the reaper finds it in the storage.
            logger.warning("job %s is accepted, but Redis went away; the reaper finds it", job.id)
            known = None
        return known or Job(
            id=job.id,
            status=JobStatus.QUEUED,
            model=job.request.model,
            name=job.request.name,
            created_at=job.created_at,
            expires_at=job.expires_at,
        )

    # Showing.

    def view(self, job_id: str) -> JobView:
        """Raises JobNotFound, BeingRestored or Unavailable."""
        if not _ID.fullmatch(job_id):
            raise JobNotFound()
        job = self._store.get(job_id)
        try:
            shown = self._shown(job_id)
        except FileNotFoundError as error:
            raise JobNotFound() from error
        if job is None:
            final = self._final_or_none(job_id)
            if final is None:
                raise BeingRestored()
            return JobView(_ended_job(final, shown), shown, final)
        return JobView(job, shown, self._final_or_none(job_id) if job.terminal else None)

    def list_jobs(self, limit: int, before: datetime | None) -> list[Job]:
        return self._store.list_jobs(limit, before)

    def _read_shown(self, job_id: str) -> Shown:
        return _shown(self._folder.read_job(job_id))

    def _final_or_none(self, job_id: str) -> FinalRecord | None:
        try:
            return self._final(job_id)
        except FileNotFoundError:
            return None

    # Cancelling.

    def cancel(self, job_id: str) -> tuple[JobView, bool]:
        """The job afterwards, and whether this call began its end. Raises JobConflict."""
        view, began = self.view(job_id), False
        if view.job.status in CANCELLABLE:
            # First the storage, so that the wish outlives Redis.
            self._folder.mark_cancelled(job_id)
            before = self._store.cancel(job_id)
            if before is None:
                raise BeingRestored()
            view, began = self.view(job_id), before in CANCELLABLE
        # A cancelled job merges what it has; whoever asks again meets it there.
        if view.job.status in (JobStatus.CANCELLING, JobStatus.CANCELLED):
            return view, began
        if view.job.status is JobStatus.MERGING and view.job.cancelled:
            return view, began
        # It went on to its end while we were asking.
        self._folder.forget_cancelling(job_id)
        if view.job.status is JobStatus.MERGING:
            raise JobConflict("The results file is being written; it is too late to cancel.")
        raise JobConflict(f"The job is {view.job.status} and can no longer be cancelled.")

    # Results.

    def results(self, job_id: str) -> Results:
        """The results file that the final record names. Raises ResultsNotReady or NoResults."""
        if not _ID.fullmatch(job_id):
            raise JobNotFound()
        final = self._final_or_none(job_id)
        if final is None:
            self.view(job_id)
            raise ResultsNotReady()
        if final.results is None:
            raise NoResults(f"The job has no results file: {final.reason or 'nothing was found'}")
        try:
            size = self._results_folder.results_size(final.results)
        except FileNotFoundError as error:
            raise NoResults("The results file of this job is no longer kept.") from error
        return Results(final, size, partial(self._results_folder.results_pieces, final.results))


def _shown(job: AcceptedJob) -> Shown:
    request = shown_request(job.request)
    return Shown(
        request=msgspec.structs.replace(request, images=None),
        images=None if request.images is None else len(request.images),
        created_at=job.created_at,
        expires_at=job.expires_at,
    )


def _ended_job(final: FinalRecord, shown: Shown) -> Job:
    """The view of a job that ended so long ago that only the storage knows it."""
    return Job(
        id=final.id,
        status=final.status,
        model=final.model,
        name=final.name,
        created_at=final.created_at,
        expires_at=shown.expires_at,
        started_at=final.started_at,
        finished_at=final.finished_at,
        progress=final.progress,
        reason=final.reason,
    )
