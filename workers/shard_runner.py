"""Running one shard: claim it, put its images through the detector, write its output once."""

import logging
import time

from core.errors import AccessRevoked, DetectorBroken, StorageTrouble
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage, decode_image_list
from core.job_store import Tally
from core.jobs import JobRequest
from core.lease import Lease
from core.lua_scripts import MAX_ERRORS, MAX_LOSSES, MAX_OUTAGES
from core.results.format import ImageResult, failed
from core.room import check_room
from workers.access import give_back_refused
from workers.context import WorkerContext
from workers.detecting import detect_shard
from workers.lease_keeper import LeaseEnded, LeaseKeeper
from workers.leaving import prepare, start_child_anew
from workers.recovery import read_tally
from workers.shard_output import ShardRefused, encode_output, file_name, tally_of, weave
from workers.taking_over import kept_lines
from workers.waits import is_our_trouble, wait_before_retry

logger = logging.getLogger(__name__)

#: Seconds before a shard is offered again that was given back for a trouble of ours.
_OUR_TROUBLE_WAIT = 30.0


def run_shard(context: WorkerContext, job_id: str, index: int) -> None:
    """Run a shard whose turn it is. Does nothing when another worker does, or nobody need."""
    check_room(context.settings)
    prepare(context, job_id)
    lease = context.store.claim(job_id, index, context.worker, exclusive=True)
    if lease is None:
        return
    try:
        with context.keep(lease) as keeper:
            _run(context, index, keeper)
    except AccessRevoked as error:
        give_back_refused(context, lease, error)
    except LeaseEnded as error:
        logger.info("%s shard %d: %s", job_id, index, error)
        context.store.release(lease)
    except DetectorBroken as error:
        # A loss like any other: should one image do this again and again, it is found out.
        logger.critical("%s shard %d: %s", job_id, index, error)
        start_child_anew()
    except Exception as error:
        _try_again(context, lease, error)
        raise


def _try_again(context: WorkerContext, lease: Lease, error: Exception) -> None:
    if is_our_trouble(error):
        context.store.release(lease, _OUR_TROUBLE_WAIT)
        return
    context.close_job(lease.job_id)
    if _out_of_attempts(lease):
        # Not even a failure for each image can be written: nobody knows which images they are.
        what = f"job_damaged: shard {lease.unit} cannot be run ({type(error).__name__})."
        context.store.abort(lease, what)
    elif isinstance(error, StorageTrouble):
        context.store.fail(lease, wait_before_retry(lease.outages), outage=True)
    else:
        context.store.fail(lease, wait_before_retry(lease.errors))


def _run(context: WorkerContext, index: int, keeper: LeaseKeeper) -> None:
    job_id = keeper.lease.job_id
    started = None
    tally = _standing(context, job_id, index)
    if tally is None:
        images = decode_image_list(context.folder.read_image_list(job_id, index))
        kept = kept_lines(context.folder, job_id, index, images)
        results, started = _results(context, [i for i in images if i.name not in kept], keeper)
        output = weave(images, kept, encode_output(results))
        tally = tally_of(context.folder.write_shard_output(job_id, index, output), len(kept))
    seconds = time.monotonic() - started if started else 0
    context.store.done(job_id, index, tally, seconds)


def _standing(context: WorkerContext, job_id: str, index: int) -> Tally | None:
    """What an output that stands adds; None where there is none, or only a damaged one.

    A worker may have died between writing the output and saying so.
    """
    try:
        return read_tally(context, job_id, index)
    except FileNotFoundError:
        return None
    except ShardRefused:
        logger.error("%s: the output of shard %d is damaged; running it again", job_id, index)
        context.folder.delete_shard_output(job_id, index)
        return None


def _out_of_attempts(lease: Lease) -> bool:
    return lease.errors >= MAX_ERRORS or lease.outages >= MAX_OUTAGES or lease.losses >= MAX_LOSSES


def _results(
    context: WorkerContext, images: list[ListedImage], keeper: LeaseKeeper
) -> tuple[list[ImageResult], float | None]:
    """The results of these images, in order, and when the work on them began, if it did."""
    if not images:
        return [], None
    if _out_of_attempts(keeper.lease):
        job = context.folder.read_job(keeper.lease.job_id)
        return _give_up(images, job.request), None
    return detect_shard(context, images, keeper)


def _give_up(images: list[ListedImage], request: JobRequest) -> list[ImageResult]:
    failure = ImageFailure(FailureCode.OUT_OF_ATTEMPTS)
    return [
        failed(file_name(image, request.strip_prefix), failure, meta=image.meta) for image in images
    ]
