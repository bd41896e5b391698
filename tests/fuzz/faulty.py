"""A target with every fault that fuzzing looks for, to see that it finds them. None of TARGETS."""

import time
from collections.abc import Iterator

_HELD = 400 << 20


def seeds() -> Iterator[bytes]:
    yield b"fine"


def check(data: bytes) -> None:
    if data == b"raise":
        raise KeyError("an error that nobody documented")
    if data == b"spin":
        _wait()
    if data == b"hog":
        hoard = b"x" * _HELD
        _wait()
        assert hoard


def _wait() -> None:
    """Until the fuzzer ends the process."""
    while True:
        time.sleep(0.1)
