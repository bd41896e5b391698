"""Videos in, detections out: which frames are looked at, and one result for each video."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec

from core.failures import FailureCode, ImageFailure
from core.jobs import TruncatedImages
from core.results.format import Detection, ImageResult, failed
from detection.answers import Answer, detect_each, written_detections
from detection.detector import Detector, RgbImage
from detection.images import DecodeOptions
from detection.video_frames import Frame, VideoEnd
from detection.video_sampling import Sampling

# The format wants a frame rate of every video.
_UNKNOWN_RATE, _RATE_OF_FAILURE = 0.0, -1.0
# Decoded pixels of one batch, bytes; more where one frame alone is larger.
_MOST_BATCH_BYTES = 128 << 20


class VideoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at in each video, and what is kept of it."""

    #: Detections stand in the results where their written confidence is strictly above it, 0..1.
    threshold: float
    sampling: Sampling = Sampling()
    #: What becomes of a video of which a part is missing or damaged: a failure, or what there is.
    truncated: TruncatedImages = "fail"
    #: Videos with larger frames are not decoded.
    max_pixels: int = DecodeOptions().max_pixels
    #: Threads that call the detector.
    lanes: int = 2


def detect_video(
    name: str,
    path: Path,
    detector: Detector,
    options: VideoOptions,
    moved: Callable[[], None] = lambda: None,
) -> ImageResult:
    """The result of one video; a failure where it cannot be read. Memory holds some frames alone.

    `moved` is called again and again while it goes on. Raises DetectorError when the detector
    breaks its contract or no longer works.
    """
    from detection.video_reader import VideoReading

    reading = VideoReading(path, options.sampling, options.truncated, options.max_pixels, moved)
    found = _Found(detector.categories, options.threshold)
    with closing(reading.frames()) as frames:
        for batch, answers in _answers(frames, detector, options.lanes):
            found.add(batch, answers)
            moved()
    return found.result(name, reading.end)


def failed_video(name: str, failure: ImageFailure, frame_rate: float | None = None) -> ImageResult:
    """What the format asks for of a video that failed: no frame, and a rate that may be none."""
    rate = _RATE_OF_FAILURE if frame_rate is None else frame_rate
    return msgspec.structs.replace(failed(name, failure), frame_rate=rate, frames_processed=[])


class _Found:
    """What was found in the frames so far."""

    def __init__(self, categories: Mapping[str, str], threshold: float) -> None:
        self._categories, self._threshold = categories, threshold
        self._detections: list[Detection] = []
        self._processed: list[int] = []
        self._failure: ImageFailure | None = None
        self._size: tuple[int, int] | None = None

    def add(self, frames: Sequence[Frame], answers: Sequence[Answer]) -> None:
        for frame, answer in zip(frames, answers, strict=True):
            written: Answer = answer
            if not isinstance(answer, ImageFailure):
                written = written_detections(answer, self._threshold, self._categories)
            if isinstance(written, ImageFailure):
                self._failure = written
                continue
            height, width = frame.pixels.shape[:2]
            self._size = self._size or (width, height)
            self._processed.append(frame.number)
            self._detections += [
                msgspec.structs.replace(one, frame_number=frame.number) for one in written
            ]

    def result(self, name: str, end: VideoEnd) -> ImageResult:
        """The entry of the video: a failure, too, where one of its frames could not be detected."""
        failure = end.failure or self._failure
        if failure is not None or self._size is None:
            failure = failure or ImageFailure(FailureCode.CORRUPT)
            return failed_video(name, failure, end.frame_rate)
        # The surest first, as of an image; of equals the earliest.
        self._detections.sort(key=lambda one: -one.conf)
        return ImageResult(
            file=name,
            detections=self._detections,
            width=self._size[0],
            height=self._size[1],
            frame_rate=_UNKNOWN_RATE if end.frame_rate is None else end.frame_rate,
            frames_processed=self._processed,
            truncated=end.truncated,
        )


def _answers(
    frames: Iterable[Frame], detector: Detector, lanes: int
) -> Iterator[tuple[list[Frame], list[Answer]]]:
    """Frames and their answers, in order; frames are decoded while others are detected."""
    waiting: deque[tuple[list[Frame], Future[list[Answer]]]] = deque()
    with ThreadPoolExecutor(lanes, "lane") as threads:
        for batch in _batches(frames, detector.batch_size):
            pixels: list[RgbImage] = [frame.pixels for frame in batch]
            waiting.append((batch, threads.submit(detect_each, detector, pixels)))
            if len(waiting) > lanes:
                done, answers = waiting.popleft()
                yield done, answers.result()
        while waiting:
            done, answers = waiting.popleft()
            yield done, answers.result()


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Neighbours of one size, so many at most: a video may change its size."""
    batch: list[Frame] = []
    for frame in frames:
        if batch and not _fits(batch, frame, size):
            yield batch
            batch = []
        batch.append(frame)
    if batch:
        yield batch


def _fits(batch: list[Frame], frame: Frame, size: int) -> bool:
    count = len(batch) + 1
    alike = frame.pixels.shape == batch[0].pixels.shape
    return alike and count <= size and count * frame.pixels.nbytes <= _MOST_BATCH_BYTES


def frame_results(result: ImageResult) -> Iterator[ImageResult]:
    """Each frame that was looked at as an image of its own, `clip.mp4/frame000123.jpg`.

    A failure is one entry, called as the video is.
    """
    if result.failure is not None:
        yield result
        return
    by_frame: dict[int, list[Detection]] = {number: [] for number in result.frames_processed or ()}
    for detection in result.detections or ():
        plain = msgspec.structs.replace(detection, frame_number=None)
        by_frame.setdefault(detection.frame_number or 0, []).append(plain)
    for number, detections in by_frame.items():
        yield ImageResult(
            file=f"{result.file}/frame{number:06d}.jpg",
            detections=detections,
            width=result.width,
            height=result.height,
            meta=result.meta,
        )
