"""Names in, results out, in order: images are read and decoded ahead of the detector.

    images -> readers: read, decode -> batches of one size -> lanes: detect -> results

Readers and lanes are threads; decoding and detecting both leave Python's lock to others. How far
they run ahead is bounded, in images and in bytes of decoded pixels. Which images share a batch
follows from the list alone, never from timing, so that the same list gives the same results.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from core.ahead import ahead
from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import ImageResult
from detection.batch import Prepared, results_of
from detection.detector import Detector
from detection.images import DecodeOptions, decode, open_image
from detection.pixel_budget import PixelBudget

#: The bytes of an image, or why they cannot be had. What it raises ends the pipeline.
Read = Callable[[ListedImage], bytes | ImageFailure]

# A batch takes at most this part of the budget, which leaves room to decode the next one meanwhile.
_BATCH_SHARE = 4


class PipelineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the detector's answers, and how far the pipeline runs ahead of it."""

    #: Detections stand in the results where their written confidence is strictly above it, 0..1.
    threshold: float
    decode: DecodeOptions = DecodeOptions()
    #: Threads that read and decode. Most of a remote read is waiting, so more than cores.
    readers: int = 8
    #: Threads that call the detector.
    lanes: int = 2
    #: Most images of one detector call.
    max_batch: int = 1
    #: Decoded pixels in flight, bytes; one image more where an image alone is larger.
    max_bytes: int = 512 << 20


class _Ready(msgspec.Struct, frozen=True):
    """An image whose turn has come."""

    index: int
    prepared: Prepared

    @property
    def size(self) -> int:
        """Bytes of decoded pixels."""
        return self.prepared.size


def run_pipeline(
    images: Iterable[ListedImage], read: Read, detector: Detector, options: PipelineOptions
) -> Generator[ImageResult, None, None]:
    """One result an image, in the order of `images`, which are taken as they are needed.

    A bad image is a result with a failure. Raises what `read` raises, and DetectorError when the
    detector breaks its contract or no longer works. All threads have ended when the generator has;
    whoever does not take all results closes it.
    """
    run = _Run(read, detector, options)
    most = options.readers + 2 * options.lanes * options.max_batch
    readers = ThreadPoolExecutor(options.readers, "reader")
    lanes = ThreadPoolExecutor(options.lanes, "lane")
    try:
        ready = ahead(readers, run.prepare, enumerate(images), most)
        for results in ahead(lanes, run.detect, run.batches(ready), 2 * options.lanes):
            yield from results
    finally:
        run.budget.close()
        readers.shutdown(cancel_futures=True)
        lanes.shutdown(cancel_futures=True)


class _Run:
    """The three steps of one pipeline, and what they share."""

    def __init__(self, read: Read, detector: Detector, options: PipelineOptions) -> None:
        self._read = read
        self._detector = detector
        self._options = options
        self.budget = PixelBudget(options.max_bytes)

    def prepare(self, numbered: tuple[int, ListedImage]) -> _Ready:
        """Read and decode one image. Runs in the readers."""
        index, image = numbered
        data = self._read(image)
        if isinstance(data, ImageFailure):
            return _Ready(index, Prepared(image, data))
        opened = open_image(data, self._options.decode)
        if isinstance(opened, ImageFailure):
            return _Ready(index, Prepared(image, opened))
        self.budget.reserve(index, opened.decoded_bytes)
        ready = _Ready(index, Prepared(image, decode(opened, self._options.decode)))
        self.budget.give_back(opened.decoded_bytes - ready.size)
        return ready

    def batches(self, ready: Iterable[_Ready]) -> Iterator[list[_Ready]]:
        """Consecutive images of one size; failures between them go along."""
        batch: list[_Ready] = []
        for item in ready:
            self.budget.want(item.index + 1)
            if batch and not self._fits(batch, item):
                yield self._handed_over(batch)
                batch = []
            batch.append(item)
        if batch:
            yield self._handed_over(batch)

    def _fits(self, batch: list[_Ready], item: _Ready) -> bool:
        if len(batch) >= self._options.max_batch:
            return False
        if sum(one.size for one in batch) + item.size > self._options.max_bytes // _BATCH_SHARE:
            return False
        pictures = [one.prepared.pixels for one in (*batch, item)]
        return len({pixels.shape for pixels in pictures if pixels is not None}) <= 1

    def _handed_over(self, batch: list[_Ready]) -> list[_Ready]:
        self.budget.start_detecting(sum(item.size for item in batch))
        return batch

    def detect(self, batch: list[_Ready]) -> list[ImageResult]:
        """The results of one batch. Runs in the lanes."""
        prepared = [item.prepared for item in batch]
        try:
            return results_of(prepared, self._detector, self._options.threshold)
        finally:
            self.budget.end_detecting(sum(item.size for item in batch))
