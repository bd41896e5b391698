"""Reads a table, whichever of ours it is, or that of 2019."""

from collections.abc import Callable
from pathlib import Path

from core.errors import InvalidResults
from postprocessing.convert import csv_2019, csv_detections, csv_images
from postprocessing.convert.base import Imported, Notes, Options
from postprocessing.convert.csv_reading import Table

_KINDS: tuple[tuple[frozenset[str], Callable[[Table, Notes], Imported]], ...] = (
    (frozenset({"image_path", "detections"}), csv_2019.read),
    (frozenset({"file", "status", "category", "conf", "x_min"}), csv_detections.read),
    (frozenset({"file", "status", "max_conf"}), csv_images.read),
)


def read(source: Path, options: Options, notes: Notes) -> Imported:
    """Raises InvalidResults where the columns are those of no table that is known."""
    table = Table(source)
    for columns, reader in _KINDS:
        if columns <= set(table.columns):
            return reader(table, notes)
    shown = ", ".join(table.columns[:10])
    raise InvalidResults(f"{source} is none of the tables that are read here; it has {shown}.")
