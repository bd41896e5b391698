"""One image at a time, apart: slow, but when the process dies it is known on which image.

    note -> read -> decode in another process -> detect

What kills a decoder costs a process that holds nothing. What kills the detector costs this one;
whoever starts it again knows, by the note, which image that was.
"""

from collections.abc import Callable, Generator, Iterable, Sequence

import msgspec

from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.results.format import ImageResult, failed
from detection.apart import DecoderApart
from detection.batch import Prepared, results_of
from detection.detector import Detector
from detection.pipeline import PipelineOptions, Read


class Guards(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before, and who is told on the way. Images are named by their positions."""

    #: Called with each image before it is touched. What it raises ends the run.
    note: Callable[[int], None]
    #: These are taken first.
    suspected: Sequence[int] = ()
    #: On these the process died too often: they are failures.
    given_up: frozenset[int] = frozenset()


def run_guarded(
    images: Sequence[ListedImage],
    read: Read,
    detector: Detector,
    options: PipelineOptions,
    *,
    decoder: DecoderApart,
    guards: Guards,
) -> Generator[tuple[int, ImageResult], None, None]:
    """One position and result an image, in any order. Raises as `run_pipeline` does."""
    for position in _order(len(images), guards):
        image = images[position]
        if position in guards.given_up:
            failure = ImageFailure(FailureCode.WORKER_CRASHED)
            yield position, failed(image.name, failure, meta=image.meta)
            continue
        guards.note(position)
        data = read(image)
        decoded = data if isinstance(data, ImageFailure) else decoder.decode(data, options.decode)
        [result] = results_of([Prepared(image, decoded)], detector, options.threshold)
        yield position, result


def _order(count: int, guards: Guards) -> Iterable[int]:
    first = [position for position in guards.suspected if position < count]
    return (*first, *(position for position in range(count) if position not in set(first)))
