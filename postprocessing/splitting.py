"""One results file for each folder, whatever the order of the images; memory stays flat."""

import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from core.results.format import ImageResult, decode_image, encode_image
from core.results.reader import Results
from postprocessing.saving import save_like

# Files that are open at once: less than any system allows.
_OPEN = 100


def folder_of(name: str, depth: int) -> str:
    """The first folders of a name, as many as `depth`, at most all; empty where it has none."""
    return "/".join(name.replace("\\", "/").split("/")[:-1][:depth])


def split(
    results: Results, images: Iterable[ImageResult], depth: int, folder: Path
) -> dict[str, Path]:
    """Write `0001.json` and so on into `folder`: one file for each folder of the names.

    Returns which file is for which folder. Raises FileExistsError where one is there already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".split-") as place:
        parts = _Parts(Path(place))
        for image in images:
            parts.add(folder_of(image.file, depth), encode_image(image))
        parts.close()
        return _written(results, parts, folder)


def _written(results: Results, parts: "_Parts", folder: Path) -> dict[str, Path]:
    targets = {
        name: folder / f"{number:04d}{_readable(name)}.json"
        for number, name in enumerate(sorted(parts.paths), 1)
    }
    for target in targets.values():
        if target.exists():
            raise FileExistsError(17, "is there already; name another folder", str(target))
    for name, target in targets.items():
        save_like(results, target, parts.images(name))
    return targets


def _readable(name: str) -> str:
    """What can be read of a folder's name in that of a file, whatever stands in it."""
    letters = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name)
    return f"-{letters[:60].strip('-')}".rstrip("-")


class _Parts:
    """Lines by folder, each in a file of its own."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.paths: dict[str, Path] = {}
        self._open: OrderedDict[str, BinaryIO] = OrderedDict()

    def add(self, name: str, line: bytes) -> None:
        file = self._open.get(name)
        if file is None:
            path = self.paths.setdefault(name, self._place / str(len(self.paths)))
            file = self._open[name] = path.open("ab")
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(name)
        file.write(line + b"\n")

    def images(self, name: str) -> Iterator[ImageResult]:
        with self.paths[name].open("rb") as lines:
            for line in lines:
                yield decode_image(line)

    def close(self) -> None:
        for file in self._open.values():
            with suppress(ValueError):
                file.close()
