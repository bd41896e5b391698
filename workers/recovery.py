"""Finding shard outputs that stand but were not counted."""

from core.job_store import Tally
from workers.context import WorkerContext
from workers.shard_output import tally_of


def count_outputs(context: WorkerContext, job_id: str) -> None:
    """Tell the job store of every shard output that it does not know."""
    standing = context.folder.shard_outputs(job_id)
    for index in context.store.unfinished(job_id, standing):
        context.store.done(job_id, index, read_tally(context, job_id, index))


def read_tally(context: WorkerContext, job_id: str, index: int) -> Tally:
    return tally_of(context.folder.read_shard_output(job_id, index))
