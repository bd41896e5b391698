"""The table of what people say against what was found."""

from collections import Counter
from collections.abc import Mapping

import msgspec

#: Rows and columns; the rarer ones are one.
MOST_ROWS, MOST_COLUMNS = 40, 12
OTHERS = "others"
_SHADES = 5


class Cell(msgspec.Struct, frozen=True):
    """A count, and which share of its row it is, in so many fifths."""

    count: int
    shade: int


class Table(msgspec.Struct, frozen=True):
    """A row for each thing that people say, a column for each that was found; most first."""

    columns: list[str]
    rows: list[tuple[str, list[Cell], int]]


def table_of(said: Mapping[tuple[str, str], int]) -> Table:
    rows, columns = Counter[str](), Counter[str]()
    for (label, title), count in said.items():
        rows[label] += count
        columns[title] += count
    row_of, column_of = _lumped(rows, MOST_ROWS), _lumped(columns, MOST_COLUMNS)
    counts = Counter[tuple[str, str]]()
    for (label, title), count in said.items():
        counts[row_of[label], column_of[title]] += count
    names = list(dict.fromkeys(column_of.values()))
    return Table(names, [_row(one, names, counts) for one in dict.fromkeys(row_of.values())])


def _lumped(counts: Counter[str], most: int) -> dict[str, str]:
    """Each name to itself, or to that of all the rarer ones; most first."""
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    if len(ranked) <= most:
        return {name: name for name in ranked}
    return {name: name if at < most - 1 else OTHERS for at, name in enumerate(ranked)}


def _row(
    label: str, columns: list[str], counts: Counter[tuple[str, str]]
) -> tuple[str, list[Cell], int]:
    total = sum(counts[label, title] for title in columns)
    cells = [
        Cell(counts[label, title], -(-_SHADES * counts[label, title] // total)) for title in columns
    ]
    return label, cells, total
