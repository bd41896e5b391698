"""What the processes of a local run do, apart from how they are told."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import ImageResult


class Placed(msgspec.Struct, frozen=True):
    """An image, and where it lies: a whole path, or a URL."""

    image: ListedImage
    place: str


#: Images in, one result each, in order. The function that is given along is called whenever
#: something has moved, where one image takes long. What it raises ends the process.
Detect = Callable[[Sequence[Placed], Callable[[], None]], Iterator[ImageResult]]


class Work(Protocol):
    """What is done with images. It is sent to each process, so it can be pickled."""

    def failed(self, image: ListedImage, failure: ImageFailure) -> ImageResult:
        """What stands in the results for an image on which processes died."""

    def begin(self) -> Detect:
        """Load the detector, in the process that uses it. Raises ModelUnavailable."""
