"""What the exit codes of `megabatch` mean to a script."""

from core.errors import InvalidRequest, MegaBatchError, Unavailable
from core.jobs import Job, JobStatus

DONE, USAGE, FAILED, SOME_FAILED, CANCELLED, UNREACHABLE, INTERRUPTED = 0, 2, 3, 4, 5, 6, 130

#: Shown below the options of a command; `\b` keeps click from filling the lines.
EPILOG = """\b
Exit codes:
  0  done
  2  the command line or the request cannot be understood
  3  failed
  4  done, but some images failed
  5  cancelled
  6  the service, or a part that it needs, cannot be reached
"""


def of_job(job: Job) -> int:
    """What a finished job means; 0 for one that still goes on."""
    if job.status is JobStatus.FAILED:
        return FAILED
    if job.status is JobStatus.CANCELLED:
        return CANCELLED
    if job.status is JobStatus.COMPLETED and job.progress.images_failed:
        return SOME_FAILED
    return DONE


def of_error(error: MegaBatchError) -> int:
    if isinstance(error, Unavailable):
        return UNREACHABLE
    return USAGE if isinstance(error, InvalidRequest) else FAILED
