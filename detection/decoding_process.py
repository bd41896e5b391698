"""`python -m detection.decoding_process`: decodes pictures for somebody else, who may lose it.

A picture can crash a decoder, hold it for ever or make it take all memory. Here that costs this
process alone. It reads pictures from standard input and answers on standard output, one after the
other, and ends when standard input does. `detection.apart` is the other end.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import BinaryIO

import msgspec
import numpy as np

from core.failures import ImageFailure
from detection.frames import read_frame, write_frame
from detection.images import DecodedImage, DecodeOptions, decode_image

#: What one process may map, bytes: the largest picture in its widest form some times over, and what
#: the libraries take.
MOST_MEMORY = 6 << 30

Decode = Callable[[bytes, DecodeOptions], DecodedImage | ImageFailure]


class Asked(msgspec.Struct, frozen=True):
    """A picture to decode; its bytes follow in a frame of their own."""

    options: DecodeOptions
    #: Seconds of processor time that it may take.
    seconds: int


class Facts(msgspec.Struct, frozen=True):
    """A `DecodedImage` without its pixels, which follow in a frame of their own."""

    height: int
    width: int
    #: What stands beside the pixels in `DecodedImage`.
    others: dict[str, object]


#: What the process answers to a picture.
Told = ImageFailure | Facts


def serve(decode: Decode = decode_image) -> None:
    """Decode what comes on standard input until it ends."""
    asked, answers = _own_streams()
    _confine_memory()
    write_frame(answers, b"")  # ready
    while (head := read_frame(asked)) is not None:
        data = read_frame(asked)
        if data is None:
            return
        picture = msgspec.msgpack.decode(head, type=Asked)
        _confine_time(picture.seconds)
        _answer(answers, decode(data, picture.options))


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """The two streams, out of reach of libraries that print."""
    streams = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return streams


def _answer(answers: BinaryIO, decoded: DecodedImage | ImageFailure) -> None:
    if isinstance(decoded, ImageFailure):
        write_frame(answers, msgspec.msgpack.encode({"code": decoded.code}))
        return
    height, width = decoded.pixels.shape[:2]
    others = {
        name: getattr(decoded, name) for name in decoded.__dataclass_fields__ if name != "pixels"
    }
    write_frame(answers, msgspec.msgpack.encode(Facts(height, width, others)))
    write_frame(answers, np.ascontiguousarray(decoded.pixels).data.cast("B"))


def _confine_memory() -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS knows no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    # Where the machine has less than that, the kernel is to take this process, not its starter.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


def _confine_time(seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


if __name__ == "__main__":
    serve()
