"""The images that failed: some of each code for the page, and all of them in a table."""

import csv
from collections import Counter
from pathlib import Path
from types import TracebackType

from core.replacing import replace
from postprocessing.cells import safe_cell

TABLE = "failed.csv"
#: Names of a code that stand on the page; and codes, after which all others are one.
MOST_NAMES, MOST_CODES = 500, 50
OTHERS = "(others)"


class FailureList:
    """Written while the images go by; the table appears when it is whole."""

    def __init__(self, folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self.names: dict[str, list[str]] = {}
        self._target = folder / TABLE
        self._part = folder / f".{TABLE}.part"

    def __enter__(self) -> "FailureList":
        self._file = self._part.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file)
        self._rows.writerow(("image", "failure"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None and self.counts:
            replace(self._part, self._target)
        self._part.unlink(missing_ok=True)

    def add(self, file: str, failure: str) -> None:
        self._rows.writerow((safe_cell(file), safe_cell(failure)))
        code = failure.rpartition(": ")[2]
        if code not in self.counts and len(self.counts) >= MOST_CODES:
            code = OTHERS
        self.counts[code] += 1
        names = self.names.setdefault(code, [])
        if len(names) < MOST_NAMES:
            names.append(file)
