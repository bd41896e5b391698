"""Precision over recall, drawn as SVG: once for light pages, once for dark ones."""

from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from postprocessing.preview.accuracy import Counts, Curve, Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches, and points of text: in a page 96 pixels are an inch.
_SIDE, _TEXT = 4.0, 9
#: Points that are drawn: more cannot be seen.
_MOST_POINTS = 400


class Palette(msgspec.Struct, frozen=True):
    """The colours of a page, as in `preview.css`."""

    card: str
    text: str
    quiet: str
    line: str
    accent: str
    target: str


LIGHT = Palette("#ffffff", "#1c2421", "#56625d", "#d9ded9", "#1f5f45", "#0b5a8f")
DARK = Palette("#1b2220", "#e8ece9", "#a4b1ab", "#36413c", "#7fd0ab", "#86c5ee")


def plot_of(measure: Measure, palette: Palette) -> bytes:
    """An SVG that says the same each time that it is drawn."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_style(palette)):
        figure = Figure(figsize=(_SIDE, _SIDE), layout="constrained")
        axes = figure.add_subplot(
            xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
        )
        if measure.curve is not None:
            _draw_curve(axes, measure.curve, palette.accent)
        _draw_mark(axes, measure.at_threshold, palette.text)
        _draw_mark(axes, measure.at_target, palette.target)
        drawn = BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


def _style(palette: Palette) -> dict[Any, Any]:
    """Letters are shapes, so that they look the same where a font is missing."""
    return {
        "axes.edgecolor": palette.line,
        "axes.facecolor": palette.card,
        "axes.grid": True,
        "axes.labelcolor": palette.quiet,
        "figure.facecolor": palette.card,
        "font.size": _TEXT,
        "grid.color": palette.line,
        "savefig.facecolor": palette.card,
        "svg.fonttype": "path",
        "svg.hashsalt": "megabatch",
        "xtick.color": palette.quiet,
        "ytick.color": palette.quiet,
    }


def _draw_curve(axes: "Axes", curve: Curve, colour: str) -> None:
    """In steps, as the average precision adds them up; without images that have no detection."""
    kept = np.flatnonzero(curve.scores > 0)
    if not len(kept):
        return
    if len(kept) > _MOST_POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, _MOST_POINTS).round().astype(int)]
    recall, precision = curve.recall[kept], curve.precision[kept]
    axes.step(np.append(0, recall), np.append(precision[0], precision), color=colour, linewidth=2)


def _draw_mark(axes: "Axes", counts: Counts | None, colour: str) -> None:
    if counts is None or counts.recall is None or counts.precision is None:
        return
    axes.plot(counts.recall, counts.precision, "o", color=colour, clip_on=False, markersize=8)
