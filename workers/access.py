"""What a worker does when the container no longer accepts a job's SAS."""

import logging

from core.errors import AccessRevoked
from core.lease import Lease
from workers.context import WorkerContext

logger = logging.getLogger(__name__)


def give_back_refused(context: WorkerContext, lease: Lease, error: AccessRevoked) -> None:
    """Give the unit of `lease` back, and pause its job, unless a fresh SAS has come meanwhile.

    The storage is asked first, for a fresh SAS stands there before Redis knows of it. One that
    comes after that look is known to Redis before the job could be paused, or resumes it.
    """
    job_id = lease.job_id
    known = context.known_urls(job_id)
    context.close_job(job_id)
    if context.folder.count_container_urls(job_id) > known:
        logger.info("%s %s: going on with the fresh SAS", job_id, lease.unit)
    else:
        context.store.pause(job_id, f"{error.code}: {error}", known)
    context.store.release(lease)
