"""Finding shard outputs that stand but were not counted."""

import logging
from collections.abc import Callable

from core.job_store import Tally
from workers.context import WorkerContext
from workers.shard_output import ShardRefused, tally_of

logger = logging.getLogger(__name__)


def count_outputs(context: WorkerContext, job_id: str, on_each: Callable[[], None]) -> None:
    """Tell the job store of every shard output that it does not know.

    One that cannot be read is left: whoever runs its shard writes it anew.
    """
    standing = context.folder.shard_outputs(job_id)
    for index in context.store.unfinished(job_id, standing):
        try:
            tally = read_tally(context, job_id, index)
        except (ShardRefused, FileNotFoundError):
            logger.error("%s: the output of shard %d cannot be read", job_id, index)
        else:
            context.store.done(job_id, index, tally)
        on_each()


def read_tally(context: WorkerContext, job_id: str, index: int) -> Tally:
    """What an output that stands adds. Raises FileNotFoundError or ShardRefused."""
    output = context.folder.read_shard_output(job_id, index)
    return tally_of(output, context.folder.read_header(job_id, index).kept)
