"""Curves as points of an SVG, which a page draws in its own colours."""

from collections.abc import Sequence

import msgspec
import numpy as np

from postprocessing.preview.accuracy import Counts, Curve, Measure

#: The square that a curve lies in, in the SVG's units, and where it begins.
SIDE, LEFT, TOP = 300, 48, 12
#: Points that are drawn: more cannot be seen.
_MOST_POINTS = 400


class Mark(msgspec.Struct, frozen=True):
    """A point of the curve that is told apart."""

    kind: str
    x: str
    y: str


class Plot(msgspec.Struct, frozen=True):
    """Precision over recall."""

    #: `x,y` of each point, as a polyline takes them; empty where nothing was detected.
    line: str
    marks: list[Mark]
    ticks: list[tuple[str, str, str]]


def plot_of(measure: Measure) -> Plot:
    marks = [("threshold", measure.at_threshold), ("target", measure.at_target)]
    return Plot(
        line="" if measure.curve is None else _line(measure.curve),
        marks=[mark for kind, counts in marks for mark in _mark(kind, counts)],
        ticks=[(f"{tick:g}", _x(tick), _y(tick)) for tick in (0, 0.2, 0.4, 0.6, 0.8, 1)],
    )


def _line(curve: Curve) -> str:
    """In steps, as the average precision adds them up; without images that have no detection."""
    kept = np.flatnonzero(curve.scores > 0)
    if len(kept) > _MOST_POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, _MOST_POINTS).round().astype(int)]
    recalls, precisions = curve.recall[kept].tolist(), curve.precision[kept].tolist()
    return " ".join(_steps(recalls, precisions))


def _steps(recalls: Sequence[float], precisions: Sequence[float]) -> list[str]:
    befores = [0.0, *recalls]
    return [
        f"{_x(before)},{_y(precision)} {_x(recall)},{_y(precision)}"
        for before, recall, precision in zip(befores, recalls, precisions, strict=False)
    ]


def _mark(kind: str, counts: Counts | None) -> list[Mark]:
    if counts is None or counts.recall is None or counts.precision is None:
        return []
    return [Mark(kind, _x(counts.recall), _y(counts.precision))]


def _x(share: float) -> str:
    return f"{LEFT + SIDE * share:.1f}"


def _y(share: float) -> str:
    return f"{TOP + SIDE * (1 - share):.1f}"
