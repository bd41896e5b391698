"""Which boxes overlap with a box, quickly: an index by width and left edge."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# Left edges lie within -1..1, and keys of two classes of width are further apart than that.
_FURTHEST, _APART = 1.5, 4.0
# More than numbers are rounded by, so that no neighbour is lost at the border of a class.
_SLACK = 1e-9


def edges_of(boxes: Floats) -> Floats:
    """Left, top, right, bottom and area, a row each, of boxes `[x, y, width, height]`."""
    left, top, width, height = boxes.T
    right, bottom = left + width, top + height
    # From the edges, not from the sides: then the IoU of two equal boxes is exactly 1.
    return np.stack([left, top, right, bottom, (right - left) * (bottom - top)])


def iou_of(edges: Floats, box: Floats) -> Floats:
    """The area that each of these boxes shares with one box, by the area of both together."""
    width = np.minimum(edges[2], box[2]) - np.maximum(edges[0], box[0])
    height = np.minimum(edges[3], box[3]) - np.maximum(edges[1], box[1])
    shared = width.clip(min=0) * height.clip(min=0)
    overlap: Floats = shared / (edges[4] + box[4] - shared)
    return overlap


@dataclass(frozen=True)
class Neighbours:
    """Boxes in the order of the index, and where in it the neighbours of each may stand."""

    limit: float
    #: As `edges_of`, a column a box, in the order of the index.
    _edges: Floats
    #: The box of each column, and the other way round.
    _boxes: Indices
    _columns: Indices
    #: Three stretches of columns for each box: in its own class of width, and beside it.
    _starts: Indices
    _ends: Indices

    @property
    def most(self) -> Indices:
        """How many neighbours each box has at most, itself included."""
        count: Indices = (self._ends - self._starts).sum(axis=1)
        return count

    def of(self, box: int) -> tuple[Indices, Floats]:
        """The boxes whose IoU with this one is `limit` at least, itself included, and the IoUs."""
        stretches = list(zip(self._starts[box], self._ends[box], strict=True))
        edges = np.concatenate([self._edges[:, a:b] for a, b in stretches], axis=1)
        boxes = np.concatenate([self._boxes[a:b] for a, b in stretches])
        overlap = iou_of(edges, self._edges[:, self._columns[box]])
        near = overlap >= self.limit
        return boxes[near], overlap[near]


def neighbours(boxes: Floats, limit: float) -> Neighbours:
    """An index of boxes `[x, y, width, height]`, a row each; `limit` is above 0, at most 1.

    The IoU of two boxes is at most that of their shadows on one axis. So where it is `limit`, one
    is at most 1 / `limit` times as wide as the other, and their left edges are not far apart.
    """
    left, width = boxes[:, 0], boxes[:, 2]
    step = -np.log(limit) * (1 + _SLACK) + _SLACK
    classes = np.floor(np.log(width) / max(step, 0.01))
    keys = classes * _APART + left
    order = np.argsort(keys, kind="stable")
    columns = np.empty_like(order)
    columns[order] = np.arange(len(order))
    reach = width * (1 - limit) / limit + _SLACK
    lowest = (left - reach).clip(min=-_FURTHEST)
    highest = (left + reach).clip(max=_FURTHEST)
    beside = (classes[:, np.newaxis] + (-1, 0, 1)) * _APART
    starts = np.searchsorted(keys[order], beside + lowest[:, np.newaxis], "left")
    ends = np.searchsorted(keys[order], beside + highest[:, np.newaxis], "right")
    edges = np.ascontiguousarray(edges_of(boxes)[:, order])
    return Neighbours(limit, edges, order, columns, starts, ends)
