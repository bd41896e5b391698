"""Writes a review folder: a picture for each repeat, an index, and a contact sheet."""

import hashlib
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InvalidRequest
from core.replacing import whole_file
from core.results.reader import Results
from postprocessing.repeats.cameras import Camera
from postprocessing.repeats.finding import Limits, Repeat, find_repeats
from postprocessing.repeats.index import (
    INDEX,
    IndexWriter,
    Picture,
    results_file,
    standing_for,
)
from postprocessing.repeats.sheet import SHEET, Sheet
from postprocessing.repeats.tiles import Tile, make_tile

# Made by the systems of people who look at a folder.
_OF_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})
# Pictures that are drawn ahead of those that are written.
_THREADS = min(8, (os.cpu_count() or 1) + 1)
_AHEAD = 4 * _THREADS

# ASCII alone, since these names travel over disks, archives and file systems.
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_LONGEST = 30


@dataclass
class Reviewed:
    """What was found."""

    cameras: int = 0
    cameras_with_repeats: set[str] = field(default_factory=set)
    pictures: int = 0
    #: Pictures that show no image, since it is not there, cannot be read, or is a video.
    grey: int = 0
    detections: int = 0

    def saw(self, camera: Camera) -> None:
        self.cameras += 1

    def found(self, repeat: Repeat, drawn: Tile) -> None:
        self.pictures += 1
        self.grey += not drawn.shows_image
        self.detections += len(repeat.members)
        self.cameras_with_repeats.add(repeat.camera)


def write_review(results: Results, limits: Limits, images: Path, folder: Path) -> Reviewed:
    """Write a picture into `folder` for each repeat. `images`: the folder that names start from.

    The same results, limits and images give the same files. Raises InvalidRequest for a folder
    that holds something already.
    """
    _check_empty(folder)
    folder.mkdir(parents=True, exist_ok=True)
    reviewed, about = Reviewed(), results_file(results.path)
    repeats = find_repeats(results, limits, folder, reviewed.saw)
    with (
        whole_file(folder / INDEX) as part,  # the last to appear: without it nothing is whole
        part.open("wb") as index_file,
        whole_file(folder / SHEET) as sheet_part,
        sheet_part.open("w", encoding="utf-8") as page,
    ):
        index, sheet = IndexWriter(index_file), Sheet(page)
        index.begin(about, limits)
        sheet.begin(about.name)
        for repeat, drawn in _drawn(repeats, images, results.detection_categories):
            reviewed.found(repeat, drawn)
            picture = _save(folder, reviewed.pictures, repeat, drawn, results)
            index.write_picture(picture)
            sheet.add(picture, drawn.size)
        index.end()
        sheet.end()
    return reviewed


def _check_empty(folder: Path) -> None:
    if folder.exists() and any(not is_of_system(name) for name in os.listdir(folder)):
        raise InvalidRequest(f"{folder} holds files already; name a folder that is empty, or new.")


def is_of_system(name: str) -> bool:
    """Whether a file was made by a computer, not by a person."""
    return name.startswith(".") or name.lower() in _OF_SYSTEM


def _drawn(
    repeats: Iterable[Repeat], images: Path, categories: Mapping[str, str]
) -> Iterator[tuple[Repeat, Tile]]:
    """Each repeat and its picture, in order; some are drawn at once, and few lie in memory."""
    waiting: deque[tuple[Repeat, Future[Tile]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for repeat in repeats:
            waiting.append((repeat, pool.submit(make_tile, images, repeat, categories)))
            if len(waiting) > _AHEAD:
                first, drawing = waiting.popleft()
                yield first, drawing.result()
        for first, drawing in waiting:
            yield first, drawing.result()


def _save(folder: Path, number: int, repeat: Repeat, drawn: Tile, results: Results) -> Picture:
    category = results.detection_categories[repeat.detection.category]
    name = _name(number, repeat, category)
    (folder / name).write_bytes(drawn.data)
    return Picture(
        picture=name,
        sha256=hashlib.sha256(drawn.data).hexdigest(),
        camera=repeat.camera,
        category=category,
        images=repeat.images,
        file=repeat.file,
        detection=repeat.detection,
        stands_for=standing_for(repeat),
    )


def _name(number: int, repeat: Repeat, category: str) -> str:
    """Such as `00012-camera-07-animal-214x-5b0e3a91.jpg`: cameras stay together when sorted."""
    about = f"{repeat.camera}\0{repeat.file}\0{repeat.detection}"
    mark = hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    words = (_plain(repeat.camera.rpartition("/")[2]), _plain(category))
    return "-".join((f"{number:05d}", *filter(None, words), f"{repeat.images}x", f"{mark}.jpg"))


def _plain(name: str) -> str:
    return _NOT_PLAIN.sub("-", name)[:_LONGEST].strip("-")
