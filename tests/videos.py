"""Videos made by code: of any codec and container, whole or damaged."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tests.pictures import scene

Pixels = npt.NDArray[np.uint8]

#: The codec with which each suffix is written here.
CODECS = {
    ".mp4": "libx264",
    ".avi": "mjpeg",
    ".mov": "libx264",
    ".mkv": "libx264",
    ".mpg": "mpeg2video",
    ".mpeg": "mpeg1video",
    ".flv": "flv",
    ".wmv": "wmv2",
    ".m4v": "mpeg4",
    ".mts": "libx264",
}
_FORMATS = {".mts": "mpegts", ".mpg": "vob", ".mpeg": "vob", ".m4v": "mp4"}
_TICKS = 1000
# Bits a second of motion JPEG, far above what FFmpeg begins with: a detector must see something.
_BITS = 8_000_000


def shade(number: int) -> int:
    """How bright the frame of that number is, as `written` makes them."""
    return 20 + number * 7 % 220


def shades(count: int, size: tuple[int, int] = (64, 48)) -> list[Pixels]:
    """Frames by which a reader can be held to its numbers: each of one brightness."""
    width, height = size
    return [np.full((height, width, 3), shade(number), np.uint8) for number in range(count)]


def scenes(count: int, size: tuple[int, int] = (64, 48)) -> list[Pixels]:
    """Frames with something to see in each, so that a file of them has some size."""
    return [scene(number, *size) for number in range(count)]


def written(
    path: Path,
    frames: Sequence[Pixels],
    *,
    rate: int | Fraction = 25,
    times: Sequence[float] | None = None,
    codec: str = "",
    turned: tuple[Any, ...] | None = None,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a video; `times` in seconds where its rate changes, `turned` as PyAV names it."""
    suffix = path.suffix.lower()
    with av.open(path, "w", format=_FORMATS.get(suffix)) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec or CODECS[suffix], rate, options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if stream.codec_context.name == "mjpeg" else "yuv420p"
        if stream.codec_context.name == "mjpeg":
            stream.bit_rate = _BITS
        if times is not None:
            stream.codec_context.time_base = Fraction(1, _TICKS)
        if turned is not None:
            stream.set_display_rotation(*turned)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[number] * _TICKS), Fraction(1, _TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def joined(path: Path, *parts: Path) -> Path:
    """Recordings of a camera, one after another in one file."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def sound(path: Path) -> Path:
    """A file of a video's kind with sound alone."""
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", 44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cut_off(path: Path, share: float = 0.7) -> Path:
    """The file without its end."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
