"""A video with boxes drawn, for people to look at."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from core.results.format import Detection, ImageResult
from detection.detector import RgbImage
from detection.render import blur, draw
from detection.video_frames import Frame
from detection.video_reader import VideoReading
from detection.video_sampling import Sampling

# Ticks a second: a whole number of them for each frame of 24, 25, 30, 50, 60 or 30000/1001 a
# second, and no more than MPEG-4 can have.
_TICKS = 60_000
_UNKNOWN_RATE = 25.0
_RATE_DENOMINATOR = 1001
_PIXELS = "yuv420p"  # what every browser and player opens
# H.264 close to what the eye can tell from the original, at a speed that keeps up with detecting;
# the other one where PyAV was built without it.
_H264 = {"crf": "23", "preset": "veryfast"}
_MPEG4 = {"qscale": "4"}


class VideoDrawing:
    """How the videos of a run are drawn."""

    def __init__(
        self, categories: Mapping[str, str], threshold: float, hidden: frozenset[str]
    ) -> None:
        """`hidden`: ids of the categories that nobody is to recognise."""
        self._categories, self._threshold, self._hidden = categories, threshold, hidden

    def write(
        self,
        result: ImageResult,
        source: Path,
        target: Path,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """Write the whole video as MPEG-4, with the detections of each frame drawn; no sound.

        Each frame stands at its own time. One that was not looked at shows what was found in the
        last one that was. `moved` is called for each frame. Raises OSError where it cannot be
        written.
        """
        with (
            av.open(target, "w", format="mp4", options={"movflags": "faststart"}) as container,
            closing(VideoReading(source, Sampling(), "accept").frames()) as frames,
        ):
            _encode(container, self._drawn(frames, result, moved), result.frame_rate)

    def _drawn(
        self, frames: Iterable[Frame], result: ImageResult, moved: Callable[[], None]
    ) -> Iterator[tuple[float, RgbImage]]:
        """Time in seconds and pixels of each frame."""
        found = _by_frame(result, self._threshold)
        current: Sequence[Detection] = ()
        for frame in frames:
            current = found.get(frame.number, current)
            yield frame.seconds, self._picture(frame, current) if current else frame.pixels
            moved()

    def _picture(self, frame: Frame, detections: Sequence[Detection]) -> RgbImage:
        image = Image.fromarray(frame.pixels)
        hidden = [one for one in detections if one.category in self._hidden]
        drawn = draw(blur(image, hidden) if hidden else image, detections, self._categories)
        return np.asarray(drawn)


def _by_frame(result: ImageResult, threshold: float) -> dict[int, list[Detection]]:
    found: dict[int, list[Detection]] = {number: [] for number in result.frames_processed or ()}
    for detection in result.detections or ():
        if detection.conf > threshold and detection.frame_number is not None:
            found.setdefault(detection.frame_number, []).append(detection)
    return found


def _encode(
    container: OutputContainer, frames: Iterator[tuple[float, RgbImage]], frame_rate: float | None
) -> None:
    rate = frame_rate or _UNKNOWN_RATE
    stream: VideoStream | None = None
    last = -1
    for seconds, pixels in frames:
        even = _even(pixels)
        if stream is None:
            stream = _new_stream(container, even, rate)
        last = max(last + 1, round(seconds * _TICKS))
        frame = VideoFrame.from_ndarray(_fitting(even, stream), "rgb24")
        frame.pts, frame.time_base = last, Fraction(1, _TICKS)
        container.mux(stream.encode(frame))
    if stream is not None:
        container.mux(stream.encode())


def _new_stream(container: OutputContainer, pixels: RgbImage, rate: float) -> VideoStream:
    average = Fraction(rate).limit_denominator(_RATE_DENOMINATOR)
    if "libx264" in av.codecs_available:
        stream = container.add_stream("libx264", average, _H264)
    else:
        stream = container.add_stream("mpeg4", average, _MPEG4)
    stream.height, stream.width = pixels.shape[:2]
    stream.pix_fmt = _PIXELS
    stream.codec_context.time_base = Fraction(1, _TICKS)
    return stream


def _even(pixels: RgbImage) -> RgbImage:
    """The frame with its last row or column once more where their number is odd.

    Video codecs keep one colour for two by two pixels.
    """
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _fitting(pixels: RgbImage, stream: VideoStream) -> RgbImage:
    """The frame in the size of the video: that of its first frame."""
    size = (stream.width, stream.height)
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size))
