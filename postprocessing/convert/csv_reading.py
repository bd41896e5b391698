"""Reads tables by rows, and names the line where one cannot be understood."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import msgspec

from core.errors import InvalidResults
from core.results.format import Detection, ImageResult
from core.results.image_lines import DECODE_ERRORS
from postprocessing.cells import plain_cell

_DELIMITERS = ",;\t"
_NOT_READ = "cannot be read; save it as CSV in UTF-8"
#: Columns of our tables; what else stands in one was added by somebody.
_OURS = frozenset(
    [
        *("file", "datetime", "date", "time", "status", "found", "max_conf", "class", "class_conf"),
        *("category", "category_id", "conf", "x_min", "y_min", "box_width", "box_height"),
        *("classifications", "frame_number", "failure", "width", "height", "latitude"),
        *("longitude", "truncated", "meta", "frame_rate"),
    ]
)
_OUR_PREFIXES = ("folder_", "count_", "conf_")
#: What a column cannot be called if it is to be kept beside an image or a detection.
_TAKEN = frozenset({"detections", "frames_processed", "bbox"})


def finite(text: str) -> float:
    """The number that a text is. Raises ValueError where it is none, or not finite."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    table: "Table"
    #: Line of the file at which it ends, from 1.
    line: int
    cells: dict[str, str]

    def text(self, name: str) -> str | None:
        """The text of a cell, without the mark of `safe_cell`; None where it is empty."""
        cell = self.cells.get(name)
        return plain_cell(cell) if cell else None

    def number(self, name: str) -> float | None:
        """Raises InvalidResults where something else stands there."""
        cell = self.cells.get(name)
        try:
            return finite(cell) if cell else None
        except ValueError as error:
            comma = "; write a point, not a comma" if "," in (cell or "") else ""
            raise self.wrong(f"`{name}` is {cell!r}, which is no number{comma}") from error

    def whole(self, name: str) -> int | None:
        """A whole number; a spreadsheet may have written `64.0`."""
        number = self.number(name)
        if number is not None and not number.is_integer():
            raise self.wrong(f"`{name}` is {number}, which is no whole number")
        return None if number is None else int(number)

    def json(self, name: str) -> Any:
        """The JSON in a cell; None where it is empty."""
        cell = self.cells.get(name)
        try:
            return msgspec.json.decode(cell) if cell else None
        except DECODE_ERRORS as error:
            raise self.wrong(f"`{name}` is not JSON") from error

    def unknown(self) -> dict[str, str] | None:
        """What stands in columns that are none of ours; None where there is nothing."""
        cells = ((name, self.text(name)) for name in self.table.unknown)
        return {name: text for name, text in cells if text} or None

    def wrong(self, why: str) -> InvalidResults:
        return InvalidResults(f"{self.table.path}, line {self.line}: {why}.")


class Table:
    """A CSV file, of which only the first line has been read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            header = self._header()
        except (csv.Error, UnicodeDecodeError) as error:
            raise InvalidResults(f"{path}: {_NOT_READ}: {error}.") from error
        self.columns = [plain_cell(name.strip()) for name in header]
        if len(set(self.columns)) < len(self.columns):
            raise InvalidResults(f"{path}: two columns have one name.")
        self.unknown = [
            name
            for name in self.columns
            if name not in _OURS | _TAKEN and not name.startswith(_OUR_PREFIXES)
        ]

    def _header(self) -> list[str]:
        with self._open() as file:
            first = file.readline()
            self._delimiter = max(_DELIMITERS, key=first.count)
            file.seek(0)
            return next(csv.reader(file, delimiter=self._delimiter), [])

    def rows(self) -> Iterator[Row]:
        """The rows in file order. Raises InvalidResults, naming the line."""
        with self._open() as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            next(reader, None)
            try:
                for cells in reader:
                    if cells:
                        yield self._row(reader.line_num, cells)
            except (csv.Error, UnicodeDecodeError) as error:
                place = f"{self.path}, line {reader.line_num + 1}"
                raise InvalidResults(f"{place}: {_NOT_READ}: {error}.") from error

    def _row(self, line: int, cells: Sequence[str]) -> Row:
        row = Row(self, line, dict(zip(self.columns, cells, strict=False)))
        if len(cells) != len(self.columns):
            raise row.wrong(f"has {len(cells)} cells, where the first line has {len(self.columns)}")
        return row

    def _open(self) -> TextIO:
        return self.path.open(encoding="utf-8-sig", newline="")


def about_image(
    row: Row,
    detections: list[Detection] | None,
    *,
    failure: str | None = None,
    extra: dict[str, str] | None = None,
) -> ImageResult:
    """An image with what our tables tell of it beside its detections."""
    return ImageResult(
        file=row.text("file") or "",
        detections=detections,
        failure=failure,
        width=row.whole("width"),
        height=row.whole("height"),
        datetime=row.text("datetime"),
        latitude=row.number("latitude"),
        longitude=row.number("longitude"),
        truncated=row.text("truncated") == "yes",
        meta=row.text("meta"),
        frame_rate=row.number("frame_rate"),
        extra=extra,
    )
