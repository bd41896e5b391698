"""Frames of a video as a player shows them: phones film sideways, and say so beside the pixels."""

from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from detection.detector import RgbImage

# a, b, c and d of a display matrix: (x, y) goes to (a x + c y, b x + d y).
# Source: FFmpeg, `libavutil/display.h`.
_Matrix = tuple[int, int, int, int]


class Turner:
    """Turns and mirrors frames as a player does, by their display matrix."""

    def __init__(self) -> None:
        self._rotation: int | None = None
        self._matrix: _Matrix | None = None

    def upright(self, pixels: RgbImage, frame: VideoFrame) -> RgbImage:
        """The pixels of a frame, turned and mirrored."""
        # Whoever looks into a frame's side data keeps the frame in memory for long (PyAV 18), so
        # that is done where the rotation, which costs nothing, is another one.
        if frame.rotation != self._rotation:
            self._rotation, self._matrix = frame.rotation, _matrix(frame)
        return pixels if self._matrix is None else _turned(pixels, self._matrix)


def _matrix(frame: VideoFrame) -> _Matrix | None:
    side_data: Any = frame.side_data  # no mapping of names, whatever its types say
    try:
        data = bytes(side_data[Type.DISPLAYMATRIX])
    except KeyError:
        return None
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].tolist()
    return a, b, c, d


def _turned(pixels: RgbImage, matrix: _Matrix) -> RgbImage:
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
