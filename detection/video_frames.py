"""The frames of a video, one after another, the right way up."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from core.failures import FailureCode
from detection.detector import RgbImage

# Where nothing tells. Camera traps write 15 to 30.
_UNKNOWN_RATE = 30.0
# Frames at the end that a whole file may lack beside what its header tells: of these some programs
# leave out what others count.
_MAY_LACK, _MAY_LACK_SHARE = 2, 0.01


class VideoUnreadable(Exception):
    """There is no frame to be had; `code` says why."""

    def __init__(self, code: FailureCode) -> None:
        super().__init__(code)
        self.code = code


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Which frames are looked at; all of them where nothing is said."""

    #: The first of each so many frames.
    every: int | None = None
    #: The first frame of each so many seconds, by the frames' own times.
    every_seconds: float | None = None


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame that is looked at."""

    #: Its place among all frames, from 0.
    number: int
    #: Seconds from the first frame.
    seconds: float
    #: Height x width x 3, uint8, upright.
    pixels: RgbImage


class VideoFile:
    """A video that is open for reading, once. Use it in a `with`."""

    def __init__(self, path: Path) -> None:
        """Raises VideoUnreadable where it is no video that can be read."""
        self._av = _pyav()
        self._path = path
        self._container = self._open()
        streams = self._container.streams.video
        if not streams:
            self._container.close()
            raise VideoUnreadable(FailureCode.NOT_AN_IMAGE)
        self._stream = streams[0]
        self._stream.thread_type = "AUTO"
        self._decoded = 0
        self._broken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def frame_rate(self) -> float:
        """Frames a second, on average."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else _UNKNOWN_RATE

    @property
    def was_cut_off(self) -> bool:
        """Whether it ended early, as far as was read; its header tells how many there were."""
        told = self._stream.frames
        lacking = told - self._decoded
        return self._broken or lacking > max(_MAY_LACK, _MAY_LACK_SHARE * told)

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """The frames that `sampling` chooses. Raises VideoUnreadable where there is none at all."""
        chooser = _Chooser(sampling)
        for number, frame in enumerate(self._all()):
            seconds = number / self.frame_rate if frame.time is None else float(frame.time)
            if chooser.takes(number, seconds):
                yield Frame(number, seconds, upright_pixels(frame))
        if not self._decoded:
            raise VideoUnreadable(FailureCode.CORRUPT)

    def _all(self) -> Iterator[Any]:
        """All frames that can be decoded, up to where the file breaks."""
        try:
            for frame in self._container.decode(self._stream):
                self._decoded += 1
                yield frame
        except self._av.FFmpegError:
            self._broken = True

    def _open(self) -> Any:
        try:
            if os.path.getsize(self._path) == 0:
                raise VideoUnreadable(FailureCode.EMPTY_FILE)
            return self._av.open(str(self._path), metadata_errors="ignore")
        except FileNotFoundError as error:
            raise VideoUnreadable(FailureCode.NOT_FOUND) from error
        except PermissionError as error:
            raise VideoUnreadable(FailureCode.FORBIDDEN) from error
        except self._av.FFmpegError as error:
            raise VideoUnreadable(FailureCode.CORRUPT) from error
        except OSError as error:
            raise VideoUnreadable(FailureCode.UNREADABLE) from error


class _Chooser:
    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._next = float("-inf")

    def takes(self, number: int, seconds: float) -> bool:
        if self._sampling.every is not None:
            return number % self._sampling.every == 0
        step = self._sampling.every_seconds
        if step is None:
            return True
        if seconds < self._next:
            return False
        # The next one begins where its second does, and not so long after this frame.
        self._next = (seconds // step + 1) * step
        return True


def upright_pixels(frame: Any) -> RgbImage:
    """The pixels of a frame of PyAV, height x width x 3, turned as the camera was held."""
    pixels: RgbImage = frame.to_ndarray(format="rgb24")
    # Degrees counterclockwise by which it is to be turned to be seen as it was.
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _pyav() -> Any:
    """The module of PyAV, without what FFmpeg says of damaged files."""
    import av

    av.logging.set_level(av.logging.PANIC)
    return av
