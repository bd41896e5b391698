"""Finding shard outputs that stand but were not counted."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from core.ahead import ahead
from core.job_store import Tally
from workers.context import WorkerContext
from workers.shard_output import ShardRefused, tally_of

logger = logging.getLogger(__name__)

#: Outputs that are read at once; of what is read ahead, only the tallies are held.
_READERS = 8


def count_outputs(context: WorkerContext, job_id: str, on_each: Callable[[], None]) -> None:
    """Tell the job store of every shard output that it does not know.

    One that cannot be read is left: whoever runs its shard writes it anew. `on_each` is called
    after each, and may raise to end this: what is counted by then stays counted.
    """
    left = context.store.unfinished(job_id, context.folder.shard_outputs(job_id))
    read = partial(_tally_of_standing, context, job_id)
    with ThreadPoolExecutor(_READERS, "count") as threads:
        tallies = ahead(threads, read, left, _READERS + 1)
        for index, tally in zip(left, tallies, strict=True):
            if tally:
                context.store.done(job_id, index, tally)
            else:
                logger.error("%s: the output of shard %d cannot be read", job_id, index)
            on_each()


def _tally_of_standing(context: WorkerContext, job_id: str, index: int) -> Tally | None:
    try:
        return read_tally(context, job_id, index)
    except (ShardRefused, FileNotFoundError):
        return None


def read_tally(context: WorkerContext, job_id: str, index: int) -> Tally:
    """What an output that stands adds. Raises FileNotFoundError or ShardRefused."""
    output = context.folder.read_shard_output(job_id, index)
    return tally_of(output, context.folder.read_header(job_id, index).kept)
