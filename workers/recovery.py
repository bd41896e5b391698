"""Finding what stands in a job folder but is not known, or is not whole."""

import logging
from collections.abc import Callable

from core.job_folder import JobFolder
from core.job_store import Tally
from core.jobs import FinalRecord, utc_now
from core.retention import KEPT_AFTER_END
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


def mend_end(folder: JobFolder, job_id: str) -> bool:
    """Take back the end of a job that was merged while our storage was copied, where the copy has
    the final record and not the files that it names. Returns whether it did; the job is merged
    again.

    For jobs of which Redis does not say that they have ended.
    """
    try:
        final = folder.read_final(job_id)
    except FileNotFoundError:
        return False
    if folder.torn.has_files(final) or not _may_be_merged(folder, final):
        return False
    logger.error("%s: files of its end are missing; it is merged again", job_id)
    folder.retention.unschedule(folder.read_shown(job_id), final)
    folder.torn.take_back(final)
    return True


def _may_be_merged(folder: JobFolder, final: FinalRecord) -> bool:
    """Whether what a job was merged from is still kept, or soon to be made again."""
    if folder.retention.is_gone(final.id):
        return False
    return final.finished_at > utc_now() - KEPT_AFTER_END or bool(folder.shard_outputs(final.id))
