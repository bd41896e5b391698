import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import pairwise

import pytest

from postprocessing.preview.accuracy import Measure, Scores
from postprocessing.preview.plot import DARK, LIGHT, Palette, plot_of

PATH = "{http://www.w3.org/2000/svg}path"
USE = "{http://www.w3.org/2000/svg}use"


def measure(pairs: Sequence[tuple[float, bool]], target: float = 0.9) -> Measure:
    scores = Scores()
    for score, present in pairs:
        scores.add(score, present)
    return scores.measure("anything", 0.5, target)


def drawn_in(svg: bytes, colour: str) -> list[str]:
    """The lines and marks of a colour."""
    found = (one for one in ET.fromstring(svg).iter() if one.tag in (PATH, USE))
    return [one.attrib.get("d", "mark") for one in found if colour in one.attrib.get("style", "")]


SEEN = [(0.9, True), (0.8, False), (0.7, True), (0.6, True), (0.0, False)]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_curve_threshold_and_target_are_drawn(palette: Palette) -> None:
    svg = plot_of(measure(SEEN), palette)
    assert len(drawn_in(svg, palette.accent)) == 1
    assert "mark" in drawn_in(svg, palette.text)
    assert "mark" in drawn_in(svg, palette.target)
    assert drawn_in(svg, palette.card) != []


def test_the_curve_goes_in_steps() -> None:
    (line,) = drawn_in(plot_of(measure(SEEN), LIGHT), LIGHT.accent)
    corners = [tuple(map(float, pair.split())) for pair in line.replace("M", "L").split("L")[1:]]
    turns = [(x != left, y != top) for (left, top), (x, y) in pairwise(corners)]
    assert len(turns) >= 4
    assert not any(across and down for across, down in turns)


@pytest.mark.parametrize(
    "pairs", [[], [(0.0, False)], [(0.9, False)], [(0.0, True), (0.0, True)]], ids=str
)
def test_where_there_is_no_curve_the_axes_stand_alone(pairs: list[tuple[float, bool]]) -> None:
    svg = plot_of(measure(pairs), LIGHT)
    assert drawn_in(svg, LIGHT.accent) == []
    assert drawn_in(svg, LIGHT.target) == []


def test_many_images_make_no_large_file() -> None:
    many = plot_of(measure([(n / 100_000, n % 3 > 0) for n in range(1, 100_000)]), LIGHT)
    assert len(many) < 60_000


def test_the_same_is_drawn_the_same() -> None:
    assert plot_of(measure(SEEN), LIGHT) == plot_of(measure(SEEN), LIGHT)
