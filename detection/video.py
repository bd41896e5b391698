"""Videos in, detections out: which frames are looked at, and one result for each video."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec

from core.failures import FailureCode, ImageFailure
from core.jobs import TruncatedImages
from core.results.format import Detection, ImageResult, failed
from detection.answers import Answer, detect_each, written_detections
from detection.detector import Detector, RgbImage
from detection.video_frames import Frame, Sampling, VideoFile, VideoUnreadable

#: Decimals of a frame rate that is written.
_RATE_DECIMALS = 3


class VideoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at in each video, and what is kept of it."""

    #: Detections stand in the results where their written confidence is strictly above it, 0..1.
    threshold: float
    sampling: Sampling = Sampling()
    #: What becomes of a video that was cut off: a failure, or what there is of it.
    truncated: TruncatedImages = "fail"
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
    try:
        with VideoFile(path) as video:
            found = _Found(detector.categories, options.threshold)
            for frames, answers in _answers(video.frames(options.sampling), detector, options):
                found.add(frames, answers)
                moved()
            if video.was_cut_off and options.truncated == "fail":
                return failed_video(name, ImageFailure(FailureCode.TRUNCATED))
            return found.result(name, video)
    except VideoUnreadable as error:
        return failed_video(name, ImageFailure(error.code))


def failed_video(name: str, failure: ImageFailure) -> ImageResult:
    """What the format asks for of a video that failed: no frame, and a rate that is none."""
    return msgspec.structs.replace(failed(name, failure), frame_rate=-1.0, frames_processed=[])


class _Found:
    """What was found in the frames so far."""

    def __init__(self, categories: Mapping[str, str], threshold: float) -> None:
        self._categories, self._threshold = categories, threshold
        self._detections: list[Detection] = []
        self._processed: list[int] = []
        self._failure: ImageFailure | None = None
        self._size = (0, 0)

    def add(self, frames: Sequence[Frame], answers: Sequence[Answer]) -> None:
        for frame, answer in zip(frames, answers, strict=True):
            written: Answer = answer
            if not isinstance(answer, ImageFailure):
                written = written_detections(answer, self._threshold, self._categories)
            if isinstance(written, ImageFailure):
                self._failure = written
                continue
            self._size = frame.pixels.shape[1], frame.pixels.shape[0]
            self._processed.append(frame.number)
            self._detections += [
                msgspec.structs.replace(one, frame_number=frame.number) for one in written
            ]

    def result(self, name: str, video: VideoFile) -> ImageResult:
        if not self._processed:
            return failed_video(name, self._failure or ImageFailure(FailureCode.CORRUPT))
        # The surest first, as of an image; of equals the earliest.
        self._detections.sort(key=lambda one: -one.conf)
        return ImageResult(
            file=name,
            detections=self._detections,
            width=self._size[0],
            height=self._size[1],
            frame_rate=round(video.frame_rate, _RATE_DECIMALS),
            frames_processed=self._processed,
            truncated=video.was_cut_off,
        )


def _answers(
    frames: Iterable[Frame], detector: Detector, options: VideoOptions
) -> Iterator[tuple[list[Frame], list[Answer]]]:
    """Frames and their answers, in order; frames are decoded while others are detected."""
    waiting: deque[tuple[list[Frame], Future[list[Answer]]]] = deque()
    with ThreadPoolExecutor(options.lanes, "lane") as lanes:
        for batch in _batches(frames, detector.batch_size):
            pixels: list[RgbImage] = [frame.pixels for frame in batch]
            waiting.append((batch, lanes.submit(detect_each, detector, pixels)))
            if len(waiting) > options.lanes:
                done, answers = waiting.popleft()
                yield done, answers.result()
        while waiting:
            done, answers = waiting.popleft()
            yield done, answers.result()


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Neighbours of one size, so many at most: a video may change its size."""
    batch: list[Frame] = []
    for frame in frames:
        if batch and (len(batch) >= size or batch[0].pixels.shape != frame.pixels.shape):
            yield batch
            batch = []
        batch.append(frame)
    if batch:
        yield batch


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
        )
