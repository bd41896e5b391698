"""Pictures that kill who decodes or detects them, told by their width; in place of real ones.

No picture is known that crashes the decoders of today; these do what such a picture would. Run as a
module it is `detection.decoding_process` with a decoder that dies of them.
"""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from core.failures import ImageFailure
from detection.decoding_process import serve
from detection.images import DecodedImage, DecodeOptions, decode_image
from tests.pictures import jpeg

_HEIGHT = 48
#: What happens at a picture of this width, before it is decoded or before it is detected in.
DECODING = {101: "crash", 102: "spin", 103: "memory"}
DETECTING = {104: "crash", 105: "spin", 106: "memory", 107: "break"}

_PIECE = 64 << 20

Decode = Callable[[Any, DecodeOptions], DecodedImage | ImageFailure]


def poison(width: int) -> bytes:
    """A picture of one of these widths."""
    return jpeg(width, width, _HEIGHT)


def act(what: str | None, most_memory: int) -> None:
    """Crash, hang, or take all memory: as much of it as there may be, and then what a kernel does.

    Does nothing for None, and raises an error where a device breaks.
    """
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "spin":
        while True:
            time.sleep(0.0)
    elif what == "memory":
        _take(most_memory)
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "break":
        raise RuntimeError("an illegal memory access was encountered")


def _take(most: int) -> None:
    taken = []
    while len(taken) * _PIECE < most:
        taken.append(bytearray(_PIECE))


def dying(
    decode: Callable[..., DecodedImage | ImageFailure], most_memory: int
) -> Callable[..., DecodedImage | ImageFailure]:
    """The decoder, but dying of pictures of the widths of `DECODING`."""

    def die_or_decode(picture: Any, options: DecodeOptions) -> DecodedImage | ImageFailure:
        decoded = decode(picture, options)
        if not isinstance(decoded, ImageFailure):
            act(DECODING.get(decoded.width), most_memory)
        return decoded

    return die_or_decode


if __name__ == "__main__":
    # Without a bound of its own: the process has one, and this must run into it.
    serve(dying(decode_image, most_memory=1 << 40))
