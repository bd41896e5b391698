"""Bytes of known length on a pipe."""

import struct
from typing import BinaryIO

_LENGTH = struct.Struct(">Q")


def write_frame(stream: BinaryIO, data: bytes | memoryview) -> None:
    """Raises BrokenPipeError where nobody reads any more."""
    with memoryview(data) as view:
        stream.write(_LENGTH.pack(view.nbytes))
        stream.write(view)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame; None where the stream has ended, in the middle of one too."""
    length = stream.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(length)
    data = stream.read(size)
    return data if len(data) == size else None
