"""Strikes out the detections that the pictures left in a review folder stand for."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from core.containers.listing import IMAGE_SUFFIXES
from core.containers.names import suffix_of
from core.errors import InvalidRequest
from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.remap import with_detections
from postprocessing.repeats.finding import in_order
from postprocessing.repeats.index import INDEX, Index, Picture, members_of, read_index, results_file
from postprocessing.repeats.reviewing import is_of_system
from postprocessing.saving import refuse_input, save_like


@dataclass
class Removal:
    """What was struck out, and why not more."""

    #: Pictures that were made, and that are left.
    pictures: int = 0
    left: int = 0
    #: Struck out, and the images that they are in.
    detections: int = 0
    images: int = 0
    #: Pictures in the folder that it was not made with, and those in folders of it: they count as
    #: nothing.
    foreign: list[str] = field(default_factory=list)


def remove_repeats(results: Results, folder: Path, target: Path) -> Removal:
    """Write `results` to `target` with the `conf` negated of what is left in a review folder.

    Raises InvalidRequest where the folder was made for another file, or its index is not there.
    """
    refuse_input(target, folder / INDEX)
    index = read_index(folder)
    _check_same(index, results, folder)
    removal = Removal(pictures=len(index.pictures))
    left = _left(index, folder, removal.foreign)
    removal.left = len(left)
    none = np.empty((0, 2), np.uint32)
    members = in_order(np.concatenate([none, *map(members_of, left)]))
    save_like(results, target, struck_out(results, members, removal))
    return removal


def struck_out(
    results: Results, members: npt.NDArray[np.uint32], removal: Removal
) -> Iterator[ImageResult]:
    """The images, with the `conf` of these detections below 0; counts them in `removal`.

    `members` are sorted rows, as in `Repeat.members`. Raises InvalidRequest where one is not there.
    """
    stretches = _by_image(members)
    following = next(stretches, None)
    for number, image in enumerate(results.images()):
        if following is None or number != following[0]:
            yield image
            continue
        positions = following[1]
        yield with_detections(image, _negated(image.detections or (), positions))
        removal.images += 1
        removal.detections += len(positions)
        following = next(stretches, None)
    if removal.detections != len(members):
        raise _unfit()


def _by_image(members: npt.NDArray[np.uint32]) -> Iterator[tuple[int, list[int]]]:
    """Each image, and the positions of its members."""
    images = members[:, 0]
    changes = np.flatnonzero(images[1:] != images[:-1]) + 1
    for start, end in pairwise(np.concatenate([[0], changes, [len(images)]])):
        if start < end:
            yield int(members[start, 0]), members[start:end, 1].tolist()


def _negated(detections: Sequence[Detection], positions: Sequence[int]) -> list[Detection]:
    changed = list(detections)
    for position in positions:
        if not 0 <= position < len(changed):
            raise _unfit()
        one = changed[position]
        changed[position] = msgspec.structs.replace(one, conf=-abs(one.conf))
    return changed


def _unfit() -> InvalidRequest:
    return InvalidRequest("The index names detections that the results file does not have.")


def _check_same(index: Index, results: Results, folder: Path) -> None:
    made_for, given = index.results, results_file(results.path)
    if made_for.sha256 != given.sha256:
        raise InvalidRequest(
            f"{folder} was made for other results: for {made_for.name}, as it was then. Give that "
            f"file, unchanged; or run `megabatch post repeats find` on {given.name}."
        )


def _left(index: Index, folder: Path, foreign: list[str]) -> list[Picture]:
    """The pictures that are in the folder, by their names or, renamed, by their bytes."""
    by_name = {picture.picture: picture for picture in index.pictures}
    by_digest = {picture.sha256: picture for picture in index.pictures}
    left: dict[str, Picture] = {}
    for path in sorted(_pictures(folder)):
        picture = by_name.get(path.name) if path.parent == folder else None
        if picture is None and path.parent == folder:
            picture = by_digest.get(hashlib.sha256(path.read_bytes()).hexdigest())
        if picture is None:
            foreign.append(path.relative_to(folder).as_posix())
        else:
            left[picture.picture] = picture
    return list(left.values())


def _pictures(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_of_system(name)]
        for name in files:
            if suffix_of(name) in IMAGE_SUFFIXES and not is_of_system(name):
                yield Path(place, name)
