"""A video with boxes drawn, for people to look at."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.results.format import Detection, ImageResult
from detection.render import blur, draw
from detection.video_frames import Frame, Sampling, VideoFile

# What every browser and player opens; the other one where PyAV was built without it.
_CODECS = ("libx264", "mpeg4")
_PIXELS = "yuv420p"
_RATE_DENOMINATOR = 1001


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

        A frame that was not looked at shows what was found in the last one that was. `moved` is
        called for each frame. Raises OSError where it cannot be written, and VideoUnreadable.
        """
        with VideoFile(source) as video:
            _encode(self._drawn(video, result, moved), video.frame_rate, target)

    def _drawn(
        self, video: VideoFile, result: ImageResult, moved: Callable[[], None]
    ) -> Iterator[Image.Image]:
        found = _by_frame(result, self._threshold)
        current: Sequence[Detection] = ()
        for frame in video.frames(Sampling()):
            current = found.get(frame.number, current)
            yield self._picture(frame, current)
            moved()

    def _picture(self, frame: Frame, detections: Sequence[Detection]) -> Image.Image:
        image = Image.fromarray(frame.pixels)
        hidden = [one for one in detections if one.category in self._hidden]
        return draw(blur(image, hidden) if hidden else image, detections, self._categories)


def _by_frame(result: ImageResult, threshold: float) -> dict[int, list[Detection]]:
    found: dict[int, list[Detection]] = {number: [] for number in result.frames_processed or ()}
    for detection in result.detections or ():
        if detection.conf > threshold and detection.frame_number is not None:
            found.setdefault(detection.frame_number, []).append(detection)
    return found


def _encode(pictures: Iterator[Image.Image], rate: float, target: Path) -> None:
    import av

    with av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream: Any = None
        for picture in pictures:
            if stream is None:
                stream = _new_stream(av, container, rate, picture.size)
            size = (stream.width, stream.height)
            fitting = picture if picture.size == size else _fit(picture, size)
            frame = av.VideoFrame.from_ndarray(np.asarray(fitting), format="rgb24")
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())


def _new_stream(av: Any, container: Any, rate: float, size: tuple[int, int]) -> Any:
    codec = next(name for name in _CODECS if name in av.codecs_available)
    stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(_RATE_DENOMINATOR))
    # Colours have half the resolution, so both sides are even: a last odd line goes.
    stream.width, stream.height = (max(2, side // 2 * 2) for side in size)
    stream.pix_fmt = _PIXELS
    return stream


def _fit(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in this size; where it is larger by a line, without that line."""
    if all(0 <= have - want <= 1 for have, want in zip(picture.size, size, strict=True)):
        return picture.crop((0, 0, *size))
    return picture.resize(size)
