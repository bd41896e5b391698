"""The Celery tasks: ids in, nothing out, safe to run twice."""

import logging
from collections.abc import Callable
from typing import Any

from celery import shared_task

from core.logs import about
from core.queue import TASKS
from workers.aggregator import merge_job
from workers.context import WorkerContext
from workers.planner import plan_job

logger = logging.getLogger(__name__)

Work = Callable[..., None]

# What a task is told, as a line of the log names it.
_ARGUMENTS = ("job_id", "shard")


def _run_shard(*arguments: Any) -> None:
    # A control worker is never told to run one, and has none of the libraries that it takes.
    from workers.shard_runner import run_shard

    run_shard(*arguments)


_WORK: dict[str, Work] = {"plan_job": plan_job, "run_shard": _run_shard, "merge_job": merge_job}


def define_tasks(make_context: Callable[[], WorkerContext]) -> None:
    """Define the tasks for every Celery app of this process.

    `make_context` gives each process the context that it has; its parts are opened when first used,
    by the child that runs a task.
    """
    for name, work in _WORK.items():
        shared_task(name=TASKS[name])(_task(name, work, make_context))


def _task(name: str, work: Work, context: Callable[[], WorkerContext]) -> Work:
    def run(*arguments: Any) -> None:
        with about(**dict(zip(_ARGUMENTS, arguments, strict=False))):
            try:
                work(context(), *arguments)
            except Exception:
                # What failed was written down in the job store, and is tried again by its word.
                logger.exception("%s %s failed", name, " ".join(map(str, arguments)))

    run.__name__ = name
    return run
