"""The places at which boxes recur, among the detections of one camera and one category.

A box is near another where their IoU is the limit at least. A place has a representative, and is
all boxes near it that belong to no place yet: boxes are compared with the representative, never in
chains, so that a box that wanders through the picture makes no place of its whole way.

The representative is the box that most images have a box near. Of nearly equal boxes, by half of
what the limit allows, the surest alone stands for election: so a camera with very many detections
takes seconds. What belongs to a place is then set aside, and all begins anew with the rest, until
no box that is left has boxes of enough images near it. Nothing depends on the order of images.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt

from postprocessing.repeats.neighbours import Floats, Indices, Neighbours, neighbours

# Of what the limit allows, the share within which two boxes are nearly equal.
_NEARLY = 0.5


@dataclass(frozen=True)
class Place:
    """Indices of boxes."""

    representative: int
    #: The representative among them, ascending.
    members: Indices
    #: How many images they are in.
    images: int


def find_places(boxes: Floats, images: Indices, *, limit: float, least: int) -> list[Place]:
    """The places that boxes of `least` images share; those of most images are found first.

    `boxes` are rows `[x, y, width, height]`, the surest first and equally sure ones in an order of
    their own; `images` tells the image of each, as a number from 0. No box is in two places.
    """
    left = np.arange(len(boxes))
    found: list[Place] = []
    while len(left) >= least:
        places = list(_round(boxes[left], images[left], limit, least))
        if not places:
            break
        found += [
            Place(int(left[one.representative]), left[one.members], one.images) for one in places
        ]
        taken = np.concatenate([one.members for one in places])
        left = np.delete(left, taken)
    return found


def _round(boxes: Floats, images: Indices, limit: float, least: int) -> Iterator[Place]:
    near = neighbours(boxes, limit)
    count = _Counter(images)
    free = np.ones(len(boxes), bool)
    queue = _candidates(near, count, least)
    heapify(queue)
    while queue:
        _, box = heappop(queue)
        members = near.of(box)[0]
        members = members[free[members]]
        support = count(members)
        if not free[box] or support < least:
            continue
        # What others took is no longer counted; another one may be ahead by now.
        if queue and (-support, box) > queue[0]:
            heappush(queue, (-support, box))
            continue
        free[members] = False
        yield Place(box, np.sort(members), support)


def _candidates(near: Neighbours, count: "_Counter", least: int) -> list[tuple[int, int]]:
    """Boxes that may be representatives: minus the images that have a box near it, and the box."""
    found = []
    nearly = 1 - (1 - near.limit) * _NEARLY
    stood_for = np.zeros(len(near.most), bool)
    for box in np.flatnonzero(near.most >= least).tolist():
        if stood_for[box]:
            continue
        members, overlap = near.of(box)
        support = count(members)
        if support >= least:
            found.append((-support, box))
            stood_for[members[overlap >= nearly]] = True
    return found


class _Counter:
    """Counts the images that boxes are in."""

    def __init__(self, images: Indices) -> None:
        self._images = images
        self._seen: npt.NDArray[np.bool_] = np.zeros(int(images.max(initial=0)) + 1, bool)

    def __call__(self, boxes: Indices) -> int:
        images = self._images[boxes]
        self._seen[images] = True
        number = np.count_nonzero(self._seen)
        self._seen[images] = False
        return int(number)
