"""The images of one shard through the detector: ahead and in batches, or guarded, one at a time."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import msgspec

from core.image_list import ListedImage
from core.jobs import JobRequest, Work
from core.results.format import ImageResult
from detection.apart import DecoderApart
from detection.detector import Detector
from detection.guarded import Guards, run_guarded
from detection.images import DecodeOptions
from detection.pipeline import PipelineOptions, Read, run_pipeline
from workers.context import WorkerContext
from workers.lease_keeper import LeaseEnded, LeaseKeeper
from workers.reading import Reading
from workers.shard_output import file_name

logger = logging.getLogger(__name__)

#: A picture that is decoded apart may take this part of the time after which a shard stands still:
#: it is tried twice, and then detected.
_DECODING_SHARE = 1 / 3


def detect_shard(
    context: WorkerContext, images: list[ListedImage], keeper: LeaseKeeper
) -> tuple[list[ImageResult], float]:
    """The results of a shard's images, in order, and when the work on them began."""
    job, container = context.open_job(keeper.lease.job_id)
    detector = context.detector(job.request.model)
    context.note_weights(job.id, job.request.model)
    started = time.monotonic()
    reading = Reading(container, any_version=job.parent is not None)
    run = _Run(context, images, reading.read, detector, pipeline_options(job.request, detector))
    results = run.guarded(keeper) if keeper.lease.guarded else run.ahead(keeper)
    named = [
        _named(result, image, job.request.strip_prefix)
        for result, image in zip(results, images, strict=True)
    ]
    index = int(keeper.lease.unit)
    if reading.changed:
        context.folder.changed.note(job.id, index, sorted(reading.changed))
    context.folder.work.note(job.id, index, Work(time.monotonic() - started, reading.bytes))
    return named, started


class _Run(msgspec.Struct, frozen=True):
    """One run of a shard."""

    context: WorkerContext
    images: Sequence[ListedImage]
    read: Read
    detector: Detector
    options: PipelineOptions

    def ahead(self, keeper: LeaseKeeper) -> list[ImageResult]:
        """As fast as the machine can."""
        done: list[ImageResult] = []
        # Closed at once, so that its threads end when the lease does.
        with closing(run_pipeline(self.images, self.read, self.detector, self.options)) as results:
            for result in results:
                keeper.moved(images=1)
                done.append(result)
        return done

    def guarded(self, keeper: LeaseKeeper) -> list[ImageResult]:
        """One image at a time, so that it is known on which one the process dies."""
        lease, store = keeper.lease, self.context.store
        logger.warning("%s shard %s: one image at a time, after losses", lease.job_id, lease.unit)

        def note(position: int | None) -> None:
            keeper.moved()
            if store.note(lease, position) == "lost":
                raise LeaseEnded(f"the lease of {lease.unit} ended: lost")

        guards = Guards(note=note, suspected=lease.suspected, given_up=lease.given_up)
        done: dict[int, ImageResult] = {}
        with self._decoder() as decoder:
            for position, result in run_guarded(
                self.images, self.read, self.detector, self.options, decoder=decoder, guards=guards
            ):
                keeper.moved(images=1)
                done[position] = result
        note(None)
        return [done[position] for position in range(len(self.images))]

    @contextmanager
    def _decoder(self) -> Iterator[DecoderApart]:
        seconds = self.context.settings.stall_after * _DECODING_SHARE
        with closing(DecoderApart(seconds, self.context.decoding_module)) as decoder:
            yield decoder


def _named(result: ImageResult, image: ListedImage, strip_prefix: str) -> ImageResult:
    if not strip_prefix:
        return result
    return msgspec.structs.replace(result, file=file_name(image, strip_prefix))


def pipeline_options(request: JobRequest, detector: Detector) -> PipelineOptions:
    """How the pipeline is to work for a job."""
    return PipelineOptions(
        threshold=request.detection_threshold,
        max_batch=detector.batch_size,
        decode=DecodeOptions(
            truncated_images=request.truncated_images,
            preprocessing=request.preprocessing,
            gps="gps" in request.include,
        ),
    )
