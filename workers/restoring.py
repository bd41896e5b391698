"""Bringing the jobs that have ended back into the list of a Redis that began empty.

The reaper brings back the live ones. Here the names in `due/` tell which jobs have ended, for they
stand from a job's end until its deletion.
"""

import logging
import secrets
from collections.abc import Callable

from core.errors import Unavailable
from workers.context import WorkerContext
from workers.delivering import tell_of_end

logger = logging.getLogger(__name__)


def restore_ended_jobs(context: WorkerContext, on_each: Callable[[], None]) -> None:
    """Make all jobs known that have ended. Does nothing where that was done since Redis began.

    Memory holds the names of one day.
    """
    token = secrets.token_hex(8)
    if not context.store.begin_restoring(token):
        return
    count = 0
    for job_id in context.folder.retention.ended_jobs():
        on_each()
        count += _restore(context, job_id)
    # Redis may have been emptied again: then the token is gone, and the next round begins anew.
    if context.store.end_restoring(token) and count:
        logger.warning("%d jobs that have ended were brought back to the list", count)


def _restore(context: WorkerContext, job_id: str) -> bool:
    folder, store = context.folder, context.store
    try:
        job = folder.read_shown(job_id)
        final = folder.read_final(job_id)
        restored = store.restore_ended(job, final)
        tell_of_end(context, job, final)
    except FileNotFoundError:
        return False  # it is being deleted
    except Unavailable:
        raise
    except Exception:
        # A job whose files are damaged must not keep the others out of the list.
        logger.exception("%s cannot be brought back to the list", job_id)
        return False
    if restored and folder.retention.is_gone(job_id):
        # Deleted in between; whoever deletes now removes it too.
        store.remove(job_id, job.caller)
    return restored
