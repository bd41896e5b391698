"""A detection worker that cannot go on as it is: its child is started anew, or all of it is."""

import logging
import os
import signal

from core.errors import DetectorBroken
from workers.context import WorkerContext

logger = logging.getLogger(__name__)

#: Exit status of a child whose detector has lost its device.
BROKEN_EXIT = 76
#: So many children may die while they load a detector before the worker ends.
_MOST_LOADS = 3


def start_child_anew() -> None:
    """End this child; its worker starts another, which loads the detector anew."""
    # A detector whose device is lost may hang in what a process does at its end.
    os._exit(BROKEN_EXIT)


def end_worker() -> None:
    """Have the whole worker end; whoever runs it starts it again, or is told that it does not run.

    What it has in hand is given back first.
    """
    os.kill(os.getppid(), signal.SIGTERM)


def prepare(context: WorkerContext, job_id: str) -> None:
    """Load the detector that a job needs, before any of its shards is claimed.

    Loading takes long, can kill the process, and can show that this worker cannot work at all: no
    shard is to pay for that. Raises what the detector raises, once the worker was told to end.
    """
    job = context.store.get(job_id)
    if job is None or job.terminal or context.has_detector(job.model):
        return
    loads = context.store.count_load(context.worker)
    try:
        if loads > _MOST_LOADS:
            raise DetectorBroken(f"{_MOST_LOADS} processes died while they loaded the detector.")
        context.detector(job.model)
    except Exception as error:
        logger.critical("no detector for %s, this worker ends: %s", job.model, error)
        end_worker()
        raise
    context.store.forget_loads(context.worker)
