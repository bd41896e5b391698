"""Work of a local run without TensorFlow, which notes what it detects and can be made to die."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import ImageResult, failed
from detection.local.image_work import detect_with
from detection.local.places import PlaceReader
from detection.local.work import Detect, Placed
from detection.pipeline import PipelineOptions
from tests.hash_detector import HashDetector


class HashWork(msgspec.Struct, frozen=True, kw_only=True):
    """See `Work`."""

    #: A line is added to it for each image that is begun.
    notes: Path
    #: Seconds each image takes.
    delay: float = 0.0
    #: The process dies on images whose names hold one of these words; `once`, only the first time.
    dies_on: tuple[str, ...] = ()
    once: bool = False
    #: It hangs on an image whose name holds this word, and hears no signal but SIGKILL.
    hangs_on: str = ""
    #: It runs out of memory on an image whose name holds this word.
    fills_memory_on: str = ""
    #: Bytes of text added to each line.
    more_bytes: int = 0
    roots: tuple[str, ...] = ()

    def failed(self, image: ListedImage, failure: ImageFailure) -> ImageResult:
        return failed(image.name, failure, meta=image.meta)

    def begin(self) -> Detect:
        options = PipelineOptions(threshold=0.1, readers=2, lanes=1)
        detect = detect_with(HashDetector(), options, PlaceReader(self.roots))

        def noted(placed: Sequence[Placed], moved: Callable[[], None]) -> Iterator[ImageResult]:
            for one, result in zip(placed, detect(placed, moved), strict=True):
                self._note(one.image.name)
                self._suffer(one.image.name)
                time.sleep(self.delay)
                text = "x" * self.more_bytes or result.meta
                yield msgspec.structs.replace(result, meta=text)

        return noted

    def _note(self, name: str) -> None:
        with self.notes.open("a") as notes:
            notes.write(f"{name}\n")

    def _suffer(self, name: str) -> None:
        if self.hangs_on and self.hangs_on in name:
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.fills_memory_on and self.fills_memory_on in name:
            raise MemoryError
        if any(word in name for word in self.dies_on):
            died_before = self.notes.read_text().count(f"{name}\n") > 1
            if not (self.once and died_before):
                os.kill(os.getpid(), signal.SIGKILL)
