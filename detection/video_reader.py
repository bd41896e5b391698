"""Reads video files with PyAV: frames in order, upright, with their numbers, one at a time."""

import os
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.failures import FailureCode, ImageFailure
from core.jobs import TruncatedImages
from detection.images import DecodeOptions
from detection.video_frames import Frame, VideoEnd
from detection.video_kinds import looks_like_video, was_cut_off
from detection.video_sampling import Clock, Picker, Sampling
from detection.video_turning import Turner

if TYPE_CHECKING:  # at run time it is no generic class
    from av.packet import Packet

    _VideoPacket = Packet[VideoStream]

# What is opened as a video, by content. Playlists are not among it, nor lists of other files: they
# would have this machine read whatever a text names.
_LIMITS = {
    "format_whitelist": "avi,mov,matroska,mpeg,mpegvideo,mpegts,flv,asf",
    "protocol_whitelist": "file",
}
# Seconds that opening, or reading one packet, may take: a share of the network may be slow.
_PATIENCE = 60.0
_MOST_THREADS = 4
# Packets, which are frames or nearly so, between two words that it goes on.
_MOVED_EVERY = 100
_UNCLEAR = (FailureCode.NOT_AN_IMAGE, FailureCode.UNSUPPORTED_FORMAT, FailureCode.CORRUPT)
# Decimals of a frame rate: 30000/1001 reads 29.97.
_RATE_DECIMALS = 3


class VideoReading:
    """One reading of a video: first its frames, then how it ended."""

    def __init__(
        self,
        path: Path,
        sampling: Sampling,
        truncated: TruncatedImages = "fail",
        max_pixels: int = DecodeOptions().max_pixels,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """`truncated`: whether a video of which a part is missing or damaged is a failure, or gives
        what can be decoded. Videos with frames of more than `max_pixels` are not decoded. `moved`
        is called now and then: many minutes may lie between two frames that are looked at.
        """
        #: How it ended, once all frames were taken.
        self.end = VideoEnd()
        self._path, self._sampling = path, sampling
        self._accept = truncated == "accept"
        self._max_pixels, self._moved = max_pixels, moved
        self._cut_off = False

    def frames(self) -> Generator[Frame, None, None]:
        """The frames that are looked at, in order. Raises nothing that the file causes.

        There is none of a video that was cut off, where that is a failure and its structure tells.
        """
        try:
            self._cut_off = _look(self._path)
            if self._cut_off and not self._accept:
                raise _Unusable(FailureCode.TRUNCATED)
            with _opened(self._path) as container:
                reader = _Reader(container, self._sampling, self._max_pixels)
                yield from reader.frames(self._moved)
                self.end = reader.end(self._cut_off, self._accept)
        except _Unusable as error:
            self._fail(error.code)
        except Exception as error:  # damaged data makes FFmpeg and PyAV raise errors of many kinds
            self._fail(_why_not_read(error, self._path))

    def _fail(self, code: FailureCode) -> None:
        # Of a file that lacks what describes its streams, demuxers say that it has none.
        truncated = self._cut_off and code in _UNCLEAR
        self.end = VideoEnd(failure=ImageFailure(FailureCode.TRUNCATED if truncated else code))


class _Unusable(Exception):
    def __init__(self, code: FailureCode) -> None:
        super().__init__(code)
        self.code = code


def _look(path: Path) -> bool:
    """Whether the file was cut off, as its structure tells. Raises _Unusable."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for a writer
            raise _Unusable(FailureCode.NOT_FOUND)
        if not status.st_size:
            raise _Unusable(FailureCode.EMPTY_FILE)
        with path.open("rb") as file:
            return was_cut_off(file)
    except FileNotFoundError:
        raise _Unusable(FailureCode.NOT_FOUND) from None
    except PermissionError:
        raise _Unusable(FailureCode.FORBIDDEN) from None
    except OSError:
        raise _Unusable(FailureCode.UNREADABLE) from None


def _opened(path: Path) -> InputContainer:
    # A whole path: FFmpeg would take what stands before a colon for a protocol.
    return av.open(
        os.path.abspath(path),
        "r",
        container_options=_LIMITS,
        metadata_errors="replace",
        timeout=_PATIENCE,
    )


def _why_not_read(error: Exception, path: Path) -> FailureCode:
    if isinstance(error, av.error.LookupError | av.error.PatchWelcomeError):
        return FailureCode.UNSUPPORTED_FORMAT
    if isinstance(error, av.error.ExitError | av.error.TimeoutError):
        return FailureCode.UNREADABLE
    if isinstance(error, MemoryError):  # PyAV's own is one, too
        return FailureCode.IMAGE_TOO_LARGE
    try:
        with path.open("rb") as file:
            known = looks_like_video(file)
    except OSError:
        return FailureCode.UNREADABLE
    return FailureCode.CORRUPT if known else FailureCode.NOT_AN_IMAGE


class _Reader:
    """The frames of one container that was opened, and what was lost on the way."""

    def __init__(self, container: InputContainer, sampling: Sampling, max_pixels: int) -> None:
        self._container = container
        self._stream = _video_stream(container)
        self._rate = _stated_rate(self._stream)
        self._clock = Clock(self._rate)
        self._picker = Picker(sampling)
        self._turner = Turner()
        self._max_pixels = max_pixels
        # Of such a codec each packet is a frame of its own: what nobody wants is not decoded.
        self._alone = self._stream.codec_context.codec.intra_only
        self._number = 0
        self._seconds = 0.0
        self._decoded_any = False
        self._cut_off = False
        self._damaged = False

    def frames(self, moved: Callable[[], None]) -> Iterator[Frame]:
        """The sampled frames. Raises _Unusable where there are more pixels than the cap."""
        self._check_size(self._stream.codec_context)
        # Not by frames: FFmpeg's threads wait for each other for ever on some damaged H.265.
        self._stream.thread_type = "SLICE"
        self._stream.thread_count = min(_MOST_THREADS, os.cpu_count() or 1)
        for count, packet in enumerate(self._packets()):
            if count % _MOVED_EVERY == 0:
                moved()
            if self._alone:
                yield from self._frame_alone(packet)
            else:
                yield from filter(None, map(self._sampled, self._decoded(packet)))

    def end(self, cut_off: bool, accept: bool) -> VideoEnd:
        """How it ended. `cut_off`: the file's structure tells so."""
        cut_off = cut_off or self._cut_off
        if self._decoded_any and not (cut_off or self._damaged):
            return VideoEnd(self._average_rate())
        if self._decoded_any and accept:
            return VideoEnd(self._average_rate(), truncated=True)
        code = FailureCode.TRUNCATED if cut_off else FailureCode.CORRUPT
        return VideoEnd(self._average_rate(), ImageFailure(code))

    def _average_rate(self) -> float | None:
        if self._rate is None and self._number > 1:
            return round((self._number - 1) / self._seconds, _RATE_DECIMALS)
        return self._rate

    def _packets(self) -> Iterator["_VideoPacket | None"]:
        """The packets of the stream; None at the end, for the frames that the decoder holds."""
        try:
            for packet in self._container.demux(self._stream):
                # To a decoder no bytes mean the end, which some recorders write in the middle.
                if packet.size:
                    self._cut_off = packet.is_corrupt
                    yield packet
        except av.FFmpegError:
            self._damaged = True
        if not self._alone:
            yield None

    def _decoded(self, packet: "_VideoPacket | None") -> list[VideoFrame]:
        try:
            frames = self._stream.decode(packet)
        except av.error.EOFError:
            return []
        except av.FFmpegError:
            # A recording that begins in the middle of a stream begins with what nobody can decode.
            self._damaged = self._damaged or self._decoded_any
            return []
        self._decoded_any = self._decoded_any or bool(frames)
        return frames

    def _frame_alone(self, packet: "_VideoPacket | None") -> Iterator[Frame]:
        if packet is None:
            return
        stamp = packet.dts if packet.pts is None else packet.pts
        number, seconds = self._next(None if stamp is None else float(stamp * packet.time_base))
        if self._picker.takes(number, seconds):
            for frame in self._decoded(packet):
                yield self._upright(frame, number, seconds)

    def _sampled(self, frame: VideoFrame) -> Frame | None:
        stamp = frame.dts if frame.pts is None else frame.pts
        base = frame.time_base or self._stream.time_base
        number, seconds = self._next(None if stamp is None or not base else float(stamp * base))
        taken = self._picker.takes(number, seconds)
        return self._upright(frame, number, seconds) if taken else None

    def _next(self, stamp: float | None) -> tuple[int, float]:
        """Number and time of the next frame."""
        number = self._number
        self._number += 1
        self._seconds = self._clock.seconds(stamp)
        return number, self._seconds

    def _upright(self, frame: VideoFrame, number: int, seconds: float) -> Frame:
        self._check_size(frame)
        pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        return Frame(number, seconds, self._turner.upright(pixels, frame))

    def _check_size(self, holder: object) -> None:
        width, height = getattr(holder, "width", 0), getattr(holder, "height", 0)
        if width * height > self._max_pixels:
            raise _Unusable(FailureCode.IMAGE_TOO_LARGE)


def _video_stream(container: InputContainer) -> VideoStream:
    """The stream that moves. Raises _Unusable without one, or without a decoder for it."""
    # A cover picture is a stream too.
    cover = av.stream.Disposition.attached_pic
    moving = [one for one in container.streams.video if not one.disposition & cover]
    if not moving:
        raise _Unusable(FailureCode.NOT_AN_IMAGE)
    if moving[0].codec_context is None:
        raise _Unusable(FailureCode.UNSUPPORTED_FORMAT)
    return moving[0]


def _stated_rate(stream: VideoStream) -> float | None:
    rate = stream.average_rate or stream.guessed_rate
    return round(float(rate), _RATE_DECIMALS) if rate else None
