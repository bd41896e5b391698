"""What jobs came to, month by month: whose they were, and what was done for them. Pure."""

from datetime import UTC, datetime

import msgspec

from core.jobs import FileKind, FinalRecord, Work


class JobUsage(msgspec.Struct, frozen=True):
    """What a job that has ended came to. It tells nothing of what was in its images."""

    finished_at: datetime
    model: str
    #: In its results, without those that were taken over.
    images: int
    work: Work
    #: Size of the results file that is handed out.
    results_bytes: int


def usage_of(final: FinalRecord) -> JobUsage:
    progress, results = final.progress, final.file(FileKind.RESULTS)
    return JobUsage(
        finished_at=final.finished_at,
        model=final.model,
        images=progress.images_done - progress.images_kept,
        work=final.work,
        results_bytes=results.bytes if results else 0,
    )


class Month(msgspec.Struct, frozen=True, order=True):
    """A month of the calendar, in UTC."""

    year: int
    #: 1..12.
    month: int

    @classmethod
    def of(cls, moment: datetime) -> "Month":
        """The month in which a moment lies."""
        there = moment.astimezone(UTC)
        return cls(there.year, there.month)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


class Usage(msgspec.Struct, frozen=True):
    """What several jobs came to."""

    jobs: int = 0
    images: int = 0
    worker_seconds: float = 0.0
    #: Of images.
    bytes_read: int = 0
    results_bytes: int = 0

    def plus(self, job: JobUsage) -> "Usage":
        return Usage(
            self.jobs + 1,
            self.images + job.images,
            self.worker_seconds + job.work.seconds,
            self.bytes_read + job.work.bytes,
            self.results_bytes + job.results_bytes,
        )
