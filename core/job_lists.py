"""Lists of jobs, newest first: which jobs are wanted, and where a page ends. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from core.job_view import milliseconds
from core.jobs import TERMINAL, Job, JobStatus


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs a list shows: those that fit everything that is given."""

    #: Those that stand so; none means all.
    statuses: tuple[JobStatus, ...] = ()
    #: Letters that the job's name holds, in any case.
    name: str = ""
    #: Created at this moment or later, and earlier than that one.
    created_after: datetime | None = None
    created_before: datetime | None = None

    @property
    def only_live(self) -> bool:
        """Whether no job that has ended can be among them."""
        return bool(self.statuses) and TERMINAL.isdisjoint(self.statuses)


class Place(msgspec.Struct, frozen=True):
    """A job's place in the lists: newest first, and within one millisecond by its id."""

    #: Milliseconds since 1970.
    created: int
    job_id: str


class JobsPage(msgspec.Struct, frozen=True):
    """Some jobs of a list. A page may be short, even empty, and others follow."""

    jobs: Sequence[Job]
    #: The last job that was looked at; None where no job follows.
    end: Place | None


ALL_JOBS = Wanted()


def list_arguments(
    limit: int, wanted: Wanted, after: Place | None, caller: str | None
) -> list[str | int]:
    """What `list.lua` is told."""
    kind = "live" if wanted.only_live else "jobs"
    return [
        f"{kind}:{caller}" if caller else kind,
        limit,
        after.created if after else "",
        after.job_id if after else "",
        milliseconds(wanted.created_after) if wanted.created_after else "",
        milliseconds(wanted.created_before) if wanted.created_before else "",
        f" {' '.join(wanted.statuses)} " if wanted.statuses else "",
        wanted.name.lower(),
    ]
