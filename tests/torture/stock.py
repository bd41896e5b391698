"""The pictures of the torture: few and tiny, sound and bad, each with the result it must have.

The results are computed from the bytes alone, by the pipeline and the hash detector; names play no
part. Containers of any size are filled with them again and again.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from core.failures import ImageFailure
from core.image_list import ListedImage
from core.results.format import ImageResult, encode_image
from detection.pipeline import PipelineOptions, run_pipeline
from tests.azurite_server import Azurite
from tests.hash_detector import HashDetector
from tests.pictures import jpeg

_SOUND = 60
_WIDTH, _HEIGHT = 24, 16
#: One name in so many has a bad picture.
_BAD_EVERY = 41
#: Files that no job is to take.
_PASSED_OVER = {"notes.txt": b"Camera 4 was stolen in May.", "._a.jpg": b"of a file manager"}
_UPLOADERS = 8


@dataclass(frozen=True)
class Picture:
    """The bytes of a file, and what must be said of them."""

    data: bytes
    result: ImageResult

    def line(self, name: str) -> bytes:
        """Its line in a results file, where it is called so."""
        return encode_image(msgspec.structs.replace(self.result, file=name))


@dataclass(frozen=True)
class Stock:
    """What containers are filled with."""

    sound: list[Picture]
    bad: list[Picture]

    def picture(self, number: int) -> Picture:
        if number % _BAD_EVERY == _BAD_EVERY // 2:
            return self.bad[number // _BAD_EVERY % len(self.bad)]
        return self.sound[number % len(self.sound)]


@dataclass(frozen=True)
class Filled:
    """A container, and the pictures in it by their names."""

    name: str
    pictures: Mapping[str, Picture]

    def lines(self) -> list[bytes]:
        """What the results file of a job on it must hold, in order."""
        return [self.pictures[name].line(name) for name in sorted(self.pictures)]


def make_stock() -> Stock:
    whole = jpeg(0, _WIDTH, _HEIGHT)
    bad = [b"", b"Camera 4 was stolen in May.\n", whole[: len(whole) // 2]]
    sound = [jpeg(seed, _WIDTH, _HEIGHT) for seed in range(_SOUND)]
    pictures = judged([*sound, *bad])
    return Stock(pictures[:_SOUND], pictures[_SOUND:])


def judged(files: list[bytes]) -> list[Picture]:
    """Each file with its result."""

    def read(image: ListedImage) -> bytes | ImageFailure:
        return files[int(image.name)]

    listed = [ListedImage(str(number)) for number in range(len(files))]
    results = run_pipeline(listed, read, HashDetector(), PipelineOptions(threshold=0.1))
    return [Picture(data, result) for data, result in zip(files, results, strict=True)]


def stocked(name: str, stock: Stock, images: int, first: int = 0) -> Filled:
    """What a container with so many images holds; `first` makes its content another one."""
    pictures = {
        f"site {number % 7}/{number:07d}.jpg": stock.picture(number)
        for number in range(first, first + images)
    }
    return Filled(name, pictures)


def fill(azurite: Azurite, container: Filled) -> None:
    """Make a container, with its images and with files that no job is to take."""
    files = {name: one.data for name, one in container.pictures.items()}
    put(azurite, container.name, files | _PASSED_OVER)


def put(azurite: Azurite, container: str, files: Mapping[str, bytes]) -> None:
    """A new container with these files."""
    azurite.create_container(container)
    names = list(files)
    parts = [
        {name: files[name] for name in names[start::_UPLOADERS]} for start in range(_UPLOADERS)
    ]
    with ThreadPoolExecutor(_UPLOADERS) as pool:
        list(pool.map(lambda part: azurite.upload(container, part), parts))
