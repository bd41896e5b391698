"""Camtrap DP 1.0.2: deployments, media and observations, and what describes them.

Nothing is invented. Deployments and the time zone of the cameras' clocks are given; an image that
lies in no deployment, or that tells no time, is left out; what only people know of a package comes
from a file of theirs, and is missing where they gave none.
"""

import csv
import mimetypes
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import msgspec

from core.errors import InvalidRequest, InvalidResults
from core.results.format import ImageResult
from core.results.reader import Results
from postprocessing.cells import safe_cell
from postprocessing.convert.base import Notes, Options
from postprocessing.convert.camtrap_observations import Cells, Observations
from postprocessing.convert.camtrap_schema import (
    ADDRESS,
    PATH_PATTERN,
    PROFILE,
    TABLES,
    VERSION,
    columns,
    schema,
)
from postprocessing.convert.deployments import Deployments, iso
from postprocessing.convert.foreign_json import read_object
from postprocessing.convert.places import part_folder
from postprocessing.events import Event, events, time_of

#: Where the table schemas lie in the package, for who has no network: the profile wants that their
#: address in the network is named.
SCHEMAS = f"schemas/{VERSION}"
#: What the profile asks for and only people know.
_TOLD_BY_PEOPLE = ("contributors", "project")
_UNKNOWN_FIELDS = (
    *("width", "height", "latitude", "longitude", "truncated", "meta"),
    *("frame_rate", "frames_processed"),
)
_PATH = re.compile(PATH_PATTERN)


def write(results: Results, target: Path, options: Options, notes: Notes) -> int:
    """Write the package, a folder; returns the number of media.

    Raises InvalidRequest where the deployments, or what describes the package, will not do.
    """
    if options.deployments is None or options.timezone is None:
        raise InvalidRequest("Camtrap DP needs --deployments and --timezone.")
    deployments = Deployments(options.deployments, options.timezone, notes)
    told = read_metadata(options.metadata)
    tables = _Tables(results, deployments, options, notes)
    with part_folder(target) as part:
        count = tables.write(part)
        _write_schemas(part)
        package = {**_package(deployments, tables.taxa), **told}
        (part / "datapackage.json").write_bytes(_pretty(package))
    for name in _TOLD_BY_PEOPLE:
        if name not in package:
            notes.add(f"`{name}` of datapackage.json is missing: give it with --metadata")
    return count


def read_metadata(path: Path | None) -> dict[str, Any]:
    """What people tell of the package. Raises InvalidRequest where it is no JSON object."""
    try:
        return {} if path is None else read_object(path)
    except InvalidResults as error:
        raise InvalidRequest(str(error)) from error


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value)) + b"\n"


def _write_schemas(folder: Path) -> None:
    (folder / SCHEMAS).mkdir(parents=True)
    for table in TABLES:
        (folder / SCHEMAS / f"{table}-table-schema.json").write_bytes(_pretty(schema(table)))


def _package(deployments: Deployments, taxa: list[dict[str, Any]]) -> dict[str, Any]:
    first, last = deployments.span()
    resources = [
        {
            "name": table,
            "path": f"{table}.csv",
            "profile": "tabular-data-resource",
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "schema": f"{ADDRESS}/{table}-table-schema.json",
        }
        for table in TABLES
    ]
    return {
        "resources": resources,
        "profile": PROFILE,
        "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "spatial": deployments.area(),
        "temporal": {"start": first, "end": last},
        "taxonomic": taxa,
    }


class _Tables:
    def __init__(
        self, results: Results, deployments: Deployments, options: Options, notes: Notes
    ) -> None:
        self._results, self._deployments = results, deployments
        self._timezone, self._notes = options.timezone, notes
        self._observations = Observations(results, options, notes, self._events(options))

    def _events(self, options: Options) -> list[Event]:
        if options.gap is None:
            return []
        found, _ = events(self._results, 0, gap=options.gap, camera_of=self._deployments.of)
        return found

    @property
    def taxa(self) -> list[dict[str, Any]]:
        """What was observed, once all is written."""
        return [taxon.described() for _, taxon in sorted(self._observations.taxa.items())]

    def write(self, folder: Path) -> int:
        """Write the three tables; returns the number of media."""
        count = 0
        with ExitStack() as stack:
            writers = {
                name: csv.writer(
                    stack.enter_context(
                        (folder / f"{name}.csv").open("w", encoding="utf-8", newline="")
                    )
                )
                for name in TABLES
            }
            for name, writer in writers.items():
                writer.writerow(columns(name))
            writers["deployments"].writerows(self._deployments.cells())
            observed = writers["observations"]
            for image, media in self._media():
                count += 1
                writers["media"].writerow(_in_order("media", media))
                observed.writerows(_rows(self._observations.of_image(image, media)))
            observed.writerows(_rows(self._observations.of_events()))
        return count

    def _media(self) -> Iterator[tuple[ImageResult, Cells]]:
        for index, image in enumerate(self._results.images(), 1):
            media = self._row(index, image)
            if media is not None:
                self._notes.add_told(image, _UNKNOWN_FIELDS)
                yield image, media

    def _row(self, index: int, image: ImageResult) -> Cells | None:
        deployment, taken = self._deployments.of(image.file), time_of(image.datetime)
        kind = mimetypes.guess_type(PurePosixPath(image.file).name)[0] or ""
        if deployment is None:
            self._notes.add("images in the folder of no deployment")
        elif taken is None:
            self._notes.add("images that tell no time")
        elif not kind.startswith(("image/", "video/")):
            self._notes.add("images whose suffix is that of no image")
        else:
            taken = taken.replace(tzinfo=self._timezone)
            if not self._deployments.covers(deployment, taken):
                self._notes.add("images that were taken before or after their deployment")
            return {
                "mediaID": f"m{index:07}",
                "deploymentID": deployment,
                "timestamp": iso(taken),
                **_file(image.file),
                "filePublic": "false",
                "fileMediatype": kind,
            }
        return None


def _rows(observations: Iterator[Cells]) -> Iterator[list[Any]]:
    return (_in_order("observations", one) for one in observations)


def _in_order(table: str, cells: Mapping[str, Any]) -> list[Any]:
    return [cells.get(name, "") for name in columns(table)]


def _file(name: str) -> dict[str, str]:
    """Path and name of an image, as the package may name them; the true name stands beside."""
    path = name.replace("\\", "/")
    if not _PATH.match(path) or safe_cell(path) != path or not path.isprintable():
        path = quote(path, safe="/ ").replace("..", "%2E%2E")
        path = f"%{ord(path[0]):02X}{path[1:]}" if path[0] in "./~-" else path
    comment = {} if path == name else {"mediaComments": f"name in the results: {name!r}"}
    return {"filePath": path, "fileName": path.rpartition("/")[2], **comment}
