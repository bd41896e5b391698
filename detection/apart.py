"""Decoding pictures in another process, which may die of one: that is a failure of this picture."""

import logging
import os
import subprocess
import sys
import threading
from typing import IO, Any, BinaryIO, cast

import msgspec
import numpy as np

from core.errors import DetectorError
from core.failures import FailureCode, ImageFailure
from detection.decoding_process import Asked, Facts
from detection.frames import read_frame, write_frame
from detection.images import DecodedImage, DecodeOptions

logger = logging.getLogger(__name__)

#: The process may die of a picture so often; another reason is found out by trying again.
_TRIES = 2
#: Seconds until a new process answers.
_START_SECONDS = 60.0


class _Died(Exception):
    """The process is no longer there."""


class DecoderApart:
    """Decodes in a process of its own, which is started when first needed, and again when it died.

    For use from one thread.
    """

    def __init__(self, seconds: float, module: str = "detection.decoding_process") -> None:
        """`seconds`: how long one picture may take, and half of it the processor.

        `module`: what the process runs.
        """
        self._seconds, self._module = seconds, module
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, data: bytes, options: DecodeOptions) -> DecodedImage | ImageFailure:
        """See `decode_image`. Raises DetectorError where no process can be started."""
        for _ in range(_TRIES):
            process = self._process or self._start()
            try:
                return self._ask(process, data, options)
            except _Died:
                self.close()
                logger.warning("the process that decodes died (exit code %s)", process.returncode)
        return ImageFailure(FailureCode.WORKER_CRASHED)

    def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            _close(stream)

    def _start(self) -> subprocess.Popen[bytes]:
        # Numpy's threads would count as memory, and none of them is needed.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        with _Deadline(process, _START_SECONDS):
            ready = read_frame(_binary(process.stdout))
        if ready is None:
            self.close()
            raise DetectorError(
                f"The process that decodes pictures cannot be started (exit code "
                f"{process.returncode}); the worker's log says why."
            )
        return process

    def _ask(
        self, process: subprocess.Popen[bytes], data: bytes, options: DecodeOptions
    ) -> DecodedImage | ImageFailure:
        asked = Asked(options, max(1, round(self._seconds)))
        with _Deadline(process, self._seconds):
            try:
                write_frame(_binary(process.stdin), msgspec.msgpack.encode(asked))
                write_frame(_binary(process.stdin), data)
            except OSError as error:
                raise _Died from error
            return _read_answer(_binary(process.stdout))


class _Deadline:
    """Kills the process when the block takes longer."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._timer = threading.Timer(seconds, process.kill)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: Any) -> None:
        self._timer.cancel()


def _read_answer(stream: BinaryIO) -> DecodedImage | ImageFailure:
    head = read_frame(stream)
    if head is None:
        raise _Died
    told = msgspec.msgpack.decode(head)
    if "code" in told:
        return msgspec.convert(told, ImageFailure)
    facts = msgspec.convert(told, Facts)
    pixels = read_frame(stream)
    if pixels is None:
        raise _Died
    shape = (facts.height, facts.width, 3)
    others = cast("dict[str, Any]", facts.others)
    return DecodedImage(pixels=np.frombuffer(pixels, np.uint8).reshape(shape), **others)


def _binary(stream: IO[bytes] | None) -> BinaryIO:
    assert stream is not None  # both ends are pipes
    return cast(BinaryIO, stream)


def _close(stream: IO[bytes] | None) -> None:
    try:
        _binary(stream).close()
    except OSError:
        return  # what was still to be written cannot be
