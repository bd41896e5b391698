"""What the API does with jobs, free of HTTP: accept, show, list, cancel."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache, partial

import msgspec

from api.cursor import decode_cursor, encode_cursor
from api.earlier_jobs import check_previous
from api.idempotency import Once
from api.job_limits import check_room
from api.job_report import JobReport, report_on
from api.job_views import JobView, Shown, ended_job, new_job, shown_job
from api.problems import BeingRestored, JobDamaged, JobEnded, JobGone, KeyOfDeletedJob
from api.source_check import check_source
from core.config import Settings
from core.containers.opening import within
from core.errors import JobNotFound, Unavailable
from core.job_folder import JobFolder
from core.job_lists import ALL_JOBS, Wanted
from core.job_store import JobStore
from core.jobs import AcceptedJob, FinalRecord, Job, JobRequest, JobStatus, new_job_id, utc_now
from core.keys import Caller, Scope
from core.logs import about
from core.retention import deleted_at
from core.salt import open_salt
from core.webhooks import check_webhook

logger = logging.getLogger(__name__)

#: Statuses from which a job can be cancelled.
CANCELLABLE = frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED})

# Each part that is slow may take two seconds; all together, whoever submits waits three at most.
_CHECK_SECONDS = 2.8

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
# Records are small, and never change once they stand.
_KEPT_RECORDS = 1000


class Asked(msgspec.Struct, frozen=True):
    """What a submission asks for, and whose job it is to be."""

    request: JobRequest
    caller: str
    #: Id of the job whose failed images are to be tried again.
    parent: str | None = None
    #: It came in by the API of 2019.
    legacy: bool = False


class JobService:
    """One of these serves all requests of a process; it is safe between threads."""

    def __init__(self, settings: Settings, store: JobStore, folder: JobFolder) -> None:
        self._store = store
        self._folder = folder
        self._retention = timedelta(days=settings.retention_days)
        self._settings = settings
        self._salt = open_salt(settings, impatient=True)
        self._shown = lru_cache(_KEPT_RECORDS)(self._read_shown)
        self._final = lru_cache(_KEPT_RECORDS)(self._folder.read_final)

    # Accepting.

    def submit(
        self,
        request: JobRequest,
        caller: Caller,
        once: Once | None = None,
        *,
        legacy: bool = False,
    ) -> JobView:
        """Accept a job, or find the one that the same submission made before.

        `legacy` is for the API of 2019. Raises InvalidRequest or Unavailable, and then nothing was
        accepted; KeyReused or KeyOfDeletedJob for a key that serves another submission.
        """
        asked = Asked(request, caller.name, legacy=legacy)
        return self.accept(lambda: asked, caller, once)

    def accept(self, ask: Callable[[], Asked], caller: Caller, once: Once | None) -> JobView:
        """Submit what `ask` tells, which is called where no earlier submission made the job.

        The time that it takes is bounded. Raises what `submit` and `ask` raise.
        """
        found = within(_CHECK_SECONDS, lambda: self._earlier_or_checked(ask, caller, once))
        if isinstance(found, AcceptedJob):
            return self._replayed(found, caller, once)
        job = self._accepted(found, caller, once)
        if job.parent:
            # First, so that no job is accepted whose parent may be deleted.
            self._folder.add_child(job.parent, job.id)
        standing = self._folder.accept(job)
        if standing is not job:
            return self._replayed(standing, caller, once)
        with about(job_id=job.id):
            logger.info("accepted job %s for %s", job.id, job.request.model)
        return JobView(self._make_known(job), shown_job(job))

    def report(self, request: JobRequest, caller: Caller) -> JobReport:
        """What a job would find. Raises what submitting it would raise; nothing is written."""
        give_up = time.monotonic() + _CHECK_SECONDS
        asked = Asked(request, caller.name)
        within(_CHECK_SECONDS, lambda: self._earlier_or_checked(lambda: asked, caller, None))
        return report_on(request, self._settings, self._store, give_up)

    def _earlier_or_checked(
        self, ask: Callable[[], Asked], caller: Caller, once: Once | None
    ) -> AcceptedJob | Asked:
        """The job that was accepted under this key, or what a new one may be."""
        earlier = self._earlier(caller, once) if once else None
        if earlier is not None:
            return earlier
        asked = ask()
        check_room(self._store, self._settings, asked.caller)
        self._check(asked, caller)
        return asked

    def _earlier(self, caller: Caller, once: Once) -> AcceptedJob | None:
        job_id = once.job_id(self._salt, caller.name)
        try:
            earlier = self._folder.read_job(job_id)
        except FileNotFoundError:
            earlier = None
        except ValueError as error:
            raise JobDamaged() from error
        # Asked last: a job that is deleted in this moment is one that was deleted.
        if self._folder.retention.is_gone(job_id):
            raise KeyOfDeletedJob()
        return earlier

    def _check(self, asked: Asked, caller: Caller) -> None:
        """What is cheap to know of a new job. Raises InvalidRequest or Unavailable."""
        self._store.check_room()
        self._folder.probe()
        request = asked.request
        check_webhook(request, self._settings)
        if asked.parent:
            # The lists were checked with the parent, and are not read again.
            request = msgspec.structs.replace(request, images=None, images_url=None)
        check_source(request, self._settings)
        check_previous(request, partial(self.view, caller=caller))

    def _accepted(self, asked: Asked, caller: Caller, once: Once | None) -> AcceptedJob:
        now = utc_now()
        # Redis keeps milliseconds; every place is to tell the same time.
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return AcceptedJob(
            id=once.job_id(self._salt, caller.name) if once else new_job_id(),
            request=asked.request,
            created_at=now,
            expires_at=now + self._retention,
            caller=asked.caller,
            parent=asked.parent,
            legacy=asked.legacy,
            fingerprint=once.fingerprint(self._salt) if once else "",
        )

    def _replayed(self, standing: AcceptedJob, caller: Caller, once: Once | None) -> JobView:
        """The job that an earlier submission made. Raises KeyReused."""
        if once:
            once.check(self._salt, standing)
        with suppress(BeingRestored):
            return msgspec.structs.replace(self.view(standing.id, caller), replayed=True)
        # Whoever accepted it did not get to tell Redis, or Redis has lost it since.
        return JobView(self._make_known(standing), shown_job(standing), replayed=True)

    def _make_known(self, job: AcceptedJob) -> Job:
        try:
            self._store.create(job)
            known = self._store.get(job.id)
        except Unavailable:
            # It is accepted all the same: the reaper finds it in the storage.
            logger.warning("job %s is accepted, but Redis went away; the reaper finds it", job.id)
            known = None
        return known or new_job(job)

    # Showing.

    def view(self, job_id: str, caller: Caller) -> JobView:
        """A job that exists for this caller.

        Raises JobNotFound (there is none, or it is another's), JobGone, JobDamaged, BeingRestored
        or Unavailable.
        """
        shown = self._known(job_id, caller)
        job = self._store.get(job_id)
        if job is None:
            # What Redis knows was not deleted.
            self._refuse_gone(job_id)
            final = self._final_or_none(job_id)
            if final is None:
                raise BeingRestored()
            return JobView(ended_job(final, shown), shown, final)
        return JobView(job, shown, self._final_or_none(job_id) if job.terminal else None)

    def shown(self, job_id: str, caller: Caller) -> Shown:
        """What was accepted, whatever became of it. Raises JobNotFound, JobGone or JobDamaged;
        asks the storage alone, unless that is damaged.
        """
        shown = self._known(job_id, caller)
        self._refuse_gone(job_id)
        return shown

    def kept_until(self, job_id: str, caller: Caller) -> datetime:
        """When the job goes by itself, as far as that is known. Raises as `shown` does."""
        expires_at, final = self.shown(job_id, caller).expires_at, self._final_or_none(job_id)
        return deleted_at(expires_at, final) if final else expires_at

    def _known(self, job_id: str, caller: Caller) -> Shown:
        """What was accepted; it may have been deleted since this process read it."""
        if not _ID.fullmatch(job_id):
            raise JobNotFound()
        try:
            shown = self._shown(job_id)
        except FileNotFoundError as error:
            tombstone = self._folder.retention.tombstone(job_id)
            if tombstone and caller.sees(tombstone.caller):
                raise JobGone() from error
            raise JobNotFound() from error
        except ValueError as error:
            known = self._store.get(job_id) or self._final_or_none(job_id)
            sees = known is not None and caller.sees(known.caller)
            raise (JobDamaged() if sees else JobNotFound()) from error
        if not caller.sees(shown.caller):
            raise JobNotFound()
        return shown

    def _refuse_gone(self, job_id: str) -> None:
        if self._folder.retention.is_gone(job_id):
            raise JobGone()

    def list_jobs(
        self,
        caller: Caller,
        *,
        limit: int,
        cursor: str | None = None,
        wanted: Wanted = ALL_JOBS,
    ) -> tuple[Sequence[Job], str | None]:
        """A page of the jobs that this caller sees, newest first, and the cursor of the next one.

        A page may be short, even empty, and others follow. Raises InvalidCursor.
        """
        whose = None if caller.may(Scope.ADMIN) else caller.name
        this_list = repr((whose, wanted))
        after = decode_cursor(cursor, this_list, self._salt) if cursor else None
        page = self._store.list_jobs(limit, wanted=wanted, after=after, caller=whose)
        following = encode_cursor(page.end, this_list, self._salt) if page.end else None
        return page.jobs, following

    def _read_shown(self, job_id: str) -> Shown:
        return shown_job(self._folder.read_shown(job_id))

    def _final_or_none(self, job_id: str) -> FinalRecord | None:
        try:
            return self._final(job_id)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise JobDamaged() from error

    # Cancelling.

    def cancel(self, job_id: str, caller: Caller) -> tuple[JobView, bool]:
        """The job afterwards, and whether this call began its end. Raises JobEnded."""
        view, began = self.view(job_id, caller), False
        if view.job.status in CANCELLABLE:
            # First the storage, so that the wish outlives Redis.
            self._folder.mark_cancelled(job_id)
            before = self._store.cancel(job_id)
            if before is None:
                raise BeingRestored()
            view, began = self.view(job_id, caller), before in CANCELLABLE
        # A cancelled job merges what it has; whoever asks again meets it there.
        if view.job.status in (JobStatus.CANCELLING, JobStatus.CANCELLED):
            return view, began
        if view.job.status is JobStatus.MERGING and view.job.cancelled:
            return view, began
        # It went on to its end while we were asking.
        self._folder.forget_cancelling(job_id)
        if view.job.status is JobStatus.MERGING:
            raise JobEnded("The results file is being written; it is too late to cancel.")
        raise JobEnded(f"The job is {view.job.status} and can no longer be cancelled.")
