"""Draws the pictures of a preview: a small one and a large one of each image, several at a time."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import msgspec
from PIL import Image

from core.replacing import whole_file
from core.results.format import Detection, ImageResult
from detection.render import blur, draw
from postprocessing.preview.options import Options
from postprocessing.preview.sources import Images, NotThere
from postprocessing.upright import NOT_READ, open_upright

#: Folders of the two, below that of the preview.
LARGE, SMALL = "pictures", "thumbnails"
#: Pixels of the longer side of a small one: more than a page gives it, for fine screens.
SMALL_SIZE = 512
_LARGE_QUALITY, _SMALL_QUALITY = 85, 80


class Picture(msgspec.Struct, frozen=True):
    """The two pictures of an image: their names, and the size of each, pixels."""

    name: str
    large: tuple[int, int]
    small: tuple[int, int]


class Missing(msgspec.Struct, frozen=True):
    """Why there is no picture."""

    reason: str


class Artist:
    """Draws images of one results file into a folder."""

    def __init__(
        self, folder: Path, images: Images, categories: Mapping[str, str], options: Options
    ) -> None:
        self._folder, self._images = folder, images
        self._categories, self._options = categories, options
        self._blurred = frozenset(
            number for number, name in categories.items() if name in options.blur
        )

    def draw_all(
        self, chosen: Mapping[int, ImageResult], watcher: Callable[[int, int], object]
    ) -> dict[int, Picture | Missing]:
        """Draw all; `watcher` is told after each how many are drawn, and how many there are.

        Raises AccessRevoked or StorageTrouble where no image can be read any more.
        """
        for name in (LARGE, SMALL):
            (self._folder / name).mkdir(exist_ok=True)
        done: dict[int, Picture | Missing] = {}
        with ThreadPoolExecutor(self._options.threads) as pool:
            waiting = {pool.submit(self.draw, at, one): at for at, one in chosen.items()}
            try:
                for future in as_completed(waiting):
                    done[waiting[future]] = future.result()
                    watcher(len(done), len(chosen))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return done

    def draw(self, index: int, image: ImageResult) -> Picture | Missing:
        """Draw one image, called by its place: its own name may hold anything."""
        try:
            upright = open_picture(self._images, image.file, self._options.size)
        except NotThere as error:
            return Missing(str(error))
        except NOT_READ:
            return Missing("This is not a picture that can be read.")
        found = image.detections or ()
        hazy = blur(upright, self._private(found)) if self._blurred else upright
        shown = [one for one in found if one.conf > self._options.drawn_above]
        name = f"{index:07d}.jpg"
        large = self._write(hazy, shown, self._folder / LARGE / name, _LARGE_QUALITY)
        hazy.thumbnail((SMALL_SIZE, SMALL_SIZE))
        small = self._write(hazy, shown, self._folder / SMALL / name, _SMALL_QUALITY)
        return Picture(name, large, small)

    def _private(self, found: Sequence[Detection]) -> list[Detection]:
        """Those that were struck out too: a person may sit at one place for long."""
        above = self._options.private.value
        return [one for one in found if one.category in self._blurred and abs(one.conf) > above]

    def _write(
        self, picture: Image.Image, found: Sequence[Detection], target: Path, quality: int
    ) -> tuple[int, int]:
        """Boxes are drawn on each size anew, so that their labels can be read."""
        save(draw(picture, found, self._categories), target, quality)
        return picture.size


def open_picture(images: Images, name: str, size: int) -> Image.Image:
    """The upright picture, of this size at most. Raises NotThere, and what `NOT_READ` has."""
    picture = open_upright(images.open(name), least=size)
    picture.thumbnail((size, size))
    return picture


def save(picture: Image.Image, target: Path, quality: int) -> None:
    """Write a JPEG, whole or not at all."""
    with whole_file(target) as part:
        picture.save(part, "JPEG", quality=quality)
