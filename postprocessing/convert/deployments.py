"""The table of deployments that Camtrap DP needs: where a camera stood, from when to when."""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from core.errors import InvalidRequest, InvalidResults
from postprocessing.convert.base import Notes
from postprocessing.convert.camtrap_schema import columns, schema
from postprocessing.convert.csv_reading import Row, Table

#: Our own column: the folder in which the images of a deployment lie.
_FOLDER = "folder"
_TIMES = ("deploymentStart", "deploymentEnd")
_NUMBERS = ("latitude", "longitude")


class Deployments:
    """The deployments of a table, and which of them an image belongs to.

    Raises InvalidRequest naming column or line where the table will not do.
    """

    def __init__(self, path: Path, zone: tzinfo, notes: Notes) -> None:
        table = Table(path)
        self._check_columns(table, notes)
        try:
            self.rows = [_checked(row, zone) for row in table.rows()]
        except InvalidResults as error:
            raise InvalidRequest(str(error)) from error
        self._by_folder = {_folder(row): row["deploymentID"] for row in self.rows}
        self._times = {
            row["deploymentID"]: tuple(datetime.fromisoformat(row[name]) for name in _TIMES)
            for row in self.rows
        }
        if len({row["deploymentID"] for row in self.rows}) < len(self.rows):
            raise InvalidRequest(f"{path}: two deployments have one deploymentID.")
        if len(self._by_folder) < len(self.rows):
            raise InvalidRequest(f"{path}: two deployments have one folder.")
        if not self.rows:
            raise InvalidRequest(f"{path} holds no deployment.")

    def _check_columns(self, table: Table, notes: Notes) -> None:
        needed = [
            field["name"]
            for field in schema("deployments")["fields"]
            if field["constraints"]["required"]
        ]
        missing = [name for name in needed if name not in table.columns]
        if missing:
            raise InvalidRequest(f"{table.path} lacks the columns {', '.join(missing)}.")
        for name in table.columns:
            if name not in columns("deployments") and name != _FOLDER:
                notes.add(f"column `{name}` of the deployments, which Camtrap DP does not know")

    def of(self, name: str) -> str | None:
        """The deployment in whose folder an image lies, the deepest if several do."""
        parts = name.replace("\\", "/").lstrip("/").split("/")[:-1]
        for depth in range(len(parts), -1, -1):
            found = self._by_folder.get("/".join(parts[:depth]))
            if found is not None:
                return found
        return None

    def covers(self, deployment: str, time: datetime) -> bool:
        """Whether the camera stood there at that time."""
        start, end = self._times[deployment]
        return start <= time <= end

    def cells(self) -> Iterator[list[Any]]:
        """The rows of the table as Camtrap DP has it."""
        return ([row.get(name, "") for name in columns("deployments")] for row in self.rows)

    def span(self) -> tuple[str, str]:
        """The first and the last day."""
        starts, ends = ([row[name][:10] for row in self.rows] for name in _TIMES)
        return min(starts), max(ends)

    def area(self) -> dict[str, Any]:
        """The smallest rectangle that holds all of them, as GeoJSON."""
        south, north = _ends([float(row["latitude"]) for row in self.rows])
        west, east = _ends([float(row["longitude"]) for row in self.rows])
        corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        return {"type": "Polygon", "coordinates": [corners], "bbox": [west, south, east, north]}


def _ends(numbers: list[float]) -> tuple[float, float]:
    return min(numbers), max(numbers)


def _folder(row: Mapping[str, str]) -> str:
    """Of a table without the column: a deployment's folder is called like the deployment."""
    folder = row.get(_FOLDER) or row["deploymentID"]
    return folder.replace("\\", "/").strip("/")


def _checked(row: Row, zone: tzinfo) -> dict[str, str]:
    cells = {name: cell.strip() for name, cell in row.cells.items() if cell.strip()}
    if "deploymentID" not in cells:
        raise row.wrong("`deploymentID` is empty")
    for name, most in zip(_NUMBERS, (90, 180), strict=True):
        number = row.number(name)
        if number is None or not -most <= number <= most:
            raise row.wrong(f"`{name}` must be a number from -{most} to {most}")
    start, end = (_time(row, name, zone) for name in _TIMES)
    if end < start:
        raise row.wrong("`deploymentEnd` is before `deploymentStart`")
    return cells | dict(zip(_TIMES, map(iso, (start, end)), strict=True))


def _time(row: Row, name: str, zone: tzinfo) -> datetime:
    """With the time zone that was given, where the cell tells none."""
    try:
        time = datetime.fromisoformat(row.cells.get(name, "").strip())
    except ValueError as error:
        raise row.wrong(f"`{name}` must be a time such as 2026-05-01T12:00:00") from error
    return time if time.tzinfo else time.replace(tzinfo=zone)


def iso(time: datetime) -> str:
    """As Camtrap DP writes times: whole seconds, with the offset from UTC."""
    return time.isoformat(timespec="seconds")
