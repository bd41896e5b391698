"""Detections by camera, gathered on disk: results may name their images in any order."""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

#: What is known of a detection: where it stands in its image, its category as a number, the frame
#: of a video that it is in (-1 of an image), and what the results say.
RECORD = np.dtype(
    [
        *(("position", "<u4"), ("category", "<u4"), ("frame", "<i8")),
        *(("conf", "<f8"), ("bbox", "<f8", (4,))),
    ]
)

# Kept only while it is filled and read: what a crash leaves is of no use.
_SETTINGS = "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -16384;"
_TABLE = "create table images (camera integer, number integer, file text, detections blob)"
_INDEX = "create index by_camera on images (camera)"
_READ = "select number, file, detections from images where camera = ?"


class ImageOfCamera(msgspec.Struct, frozen=True):
    """An image with detections that are looked at."""

    camera: str
    #: Its position in the results file, from 0.
    number: int
    file: str
    #: A `RECORD` each, one behind another.
    detections: bytes


class Camera(msgspec.Struct, frozen=True):
    """All detections of a camera that are looked at."""

    name: str
    #: Position in the results file and name of each image.
    images: list[tuple[int, str]]
    #: `RECORD`s, and which of `images` each is of.
    detections: npt.NDArray[np.void]
    owners: npt.NDArray[np.intp]


@contextmanager
def by_camera(images: Iterable[ImageOfCamera], folder: Path) -> Iterator[Iterator[Camera]]:
    """The cameras, sorted by name, one in memory at a time.

    While they are read, a file that is about as large as the results lies in `folder`.
    """
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".cameras-") as place,
        closing(sqlite3.connect(Path(place) / "images.db", isolation_level=None)) as database,
    ):
        database.executescript(_SETTINGS)
        names = _fill(database, images)
        yield (_camera(database, name, names[name]) for name in sorted(names))


def _fill(database: sqlite3.Connection, images: Iterable[ImageOfCamera]) -> dict[str, int]:
    """Returns the number of each camera."""
    names: dict[str, int] = {}
    database.execute(_TABLE)
    database.execute("begin")
    database.executemany(
        "insert into images values (?, ?, ?, ?)",
        (
            (names.setdefault(one.camera, len(names)), one.number, one.file, one.detections)
            for one in images
        ),
    )
    database.execute(_INDEX)
    database.execute("commit")
    return names


def _camera(database: sqlite3.Connection, name: str, number: int) -> Camera:
    rows = database.execute(_READ, (number,)).fetchall()
    counts = [len(blob) // RECORD.itemsize for *_, blob in rows]
    detections = np.frombuffer(b"".join(blob for *_, blob in rows), RECORD)
    images = [(place, file) for place, file, _ in rows]
    return Camera(name, images, detections, np.repeat(np.arange(len(rows)), counts))
