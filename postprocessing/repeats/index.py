"""The index of a review folder: which detections each picture stands for.

A JSON file with a picture a line:

    {
    "megabatch_repeats": 1,
    "results": {"name": "results.json", "sha256": "..."},
    "limits": {"iou": 0.9, ...},
    "pictures": [
    {"picture": "00001-north-animal-214x-5b0e3a91.jpg", ..., "stands_for": [[0, 1], [2, 0]]}
    ]
    }

`stands_for` holds two numbers from 0 for each detection: its image's place in the results file, and
its own place in the image. So the index fits one results file alone, which is known by its bytes.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from core.errors import InvalidRequest
from core.results.format import Detection
from core.results.image_lines import DECODE_ERRORS
from core.results.writer import LinesWriter
from postprocessing.repeats.finding import Limits, Repeat

INDEX = "index.json"
_FORMAT = 1

_encoder = msgspec.json.Encoder()


class ResultsFile(msgspec.Struct, frozen=True):
    """A results file, by its name and the SHA-256 of its bytes, hex."""

    name: str
    sha256: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture, and the repeat that it shows."""

    #: Its name in the folder, and the SHA-256 of its bytes, hex.
    picture: str
    sha256: str
    camera: str
    #: The category's name.
    category: str
    #: Images that have a box there.
    images: int
    #: The image that is shown, and what stands in its results.
    file: str
    detection: Detection
    #: See above; `members_of` reads it.
    stands_for: msgspec.Raw


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """What `index.json` says."""

    megabatch_repeats: int
    results: ResultsFile
    pictures: list[Picture]


class IndexWriter(LinesWriter):
    """Streams an index into a sink: `begin`, lines, `end`."""

    _closing = b"]\n}\n"

    def begin(self, results: ResultsFile, limits: Limits) -> None:
        """Write all that stands before the pictures."""
        head: Mapping[str, Any] = {
            "megabatch_repeats": _FORMAT,
            "results": results,
            "limits": limits,
        }
        lines = [_encoder.encode(name) + b": " + _encoder.encode(head[name]) for name in head]
        self._add(b"{\n" + b",\n".join(lines) + b',\n"pictures": [\n')

    def write_picture(self, picture: Picture) -> None:
        self.write_line(_encoder.encode(picture))


def results_file(path: Path) -> ResultsFile:
    """The name and the digest of a file. Raises OSError."""
    with path.open("rb") as file:
        return ResultsFile(path.name, hashlib.file_digest(file, "sha256").hexdigest())


def standing_for(repeat: Repeat) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode(repeat.members.tolist()))


def read_index(folder: Path) -> Index:
    """The index of a review folder. Raises InvalidRequest, saying what to do."""
    path = folder / INDEX
    try:
        index = msgspec.json.decode(path.read_bytes(), type=Index)
    except FileNotFoundError as error:
        raise InvalidRequest(
            f"{folder} has no {INDEX}, without which nobody knows what its pictures stand for. If "
            "it was deleted, run `megabatch post repeats find` again with the same options and "
            f"another folder, and copy the {INDEX} from there: it makes the same pictures."
        ) from error
    except DECODE_ERRORS as error:
        raise InvalidRequest(f"{path} is damaged: {error}.") from error
    if index.megabatch_repeats != _FORMAT:
        raise InvalidRequest(f"{path} was written by another version of MegaBatch.")
    return index


def members_of(picture: Picture) -> npt.NDArray[np.uint32]:
    """As `Repeat.members`. Raises InvalidRequest where that is not what stands there."""
    try:
        pairs = msgspec.json.decode(picture.stands_for, type=list[tuple[int, int]])
        return np.array(pairs, np.uint32).reshape(-1, 2)
    except (*DECODE_ERRORS, OverflowError) as error:
        raise InvalidRequest(f"{INDEX} is damaged at {picture.picture}: {error}.") from error
