"""Puts images into folders by what was found in them, and takes that back.

    OUT/animal/camera-1/0001.jpg
    OUT/separated.ndjson            the record: a line a file, written before the file is touched

A run that was broken off goes on when it is started again; what the record says can be undone at
any point.
"""

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from core.containers.file_names import file_name_of
from core.errors import InvalidRequest
from core.file_systems import folds_names, is_folding
from core.replacing import whole_file
from core.results.format import ImageResult
from core.results.image_lines import DECODE_ERRORS
from core.results.reader import Results
from core.safe_names import safe_name
from postprocessing.disk import Names, forward
from postprocessing.sorting import Sorter

RECORD = "separated.ndjson"

How = Literal["link", "copy", "move"]

_encoder = msgspec.json.Encoder()


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the record."""

    #: The name in the results, as it stands there.
    file: str
    folder: str
    #: Whole path of the original.
    source: str
    #: Path of what was made, from the folder of the record.
    target: str
    how: How
    #: Bytes of the original.
    size: int


_placed = msgspec.json.Decoder(Placed)


class Separation(msgspec.Struct, kw_only=True):
    """What goes where."""

    out: Path
    #: Images by folder, and their bytes.
    images: Counter[str] = msgspec.field(default_factory=Counter)
    sizes: Counter[str] = msgspec.field(default_factory=Counter)
    #: Names of results for which there is no file.
    missing: list[str] = []
    #: Files that were there already, from a run that was broken off.
    there: int = 0

    @property
    def size(self) -> int:
        return sum(self.sizes.values())


class Separator:
    """Separates the images of one results file."""

    def __init__(self, results: Results, root: Path, disk: Names, sorter: Sorter) -> None:
        """`root`: the folder of the images. `disk`: what lies below it."""
        self._results, self._root, self._disk, self._sorter = results, root, disk, sorter
        self._distinct = is_folding(root)

    def look(self, out: Path, how: How) -> Separation:
        """What would go where; nothing is written."""
        separation = Separation(out=out)
        for _ in self._placed(separation, how, folds=True):
            pass
        return separation

    def run(self, out: Path, how: How) -> Separation:
        """Do it. Raises OSError where a file cannot be written, or lies there and is another."""
        out.mkdir(parents=True, exist_ok=True)
        folds = not self._distinct and folds_names(out)
        separation = Separation(out=out)
        done = {one.target: one for one in read_record(out / RECORD)}
        placed_before = {one.file: one.target for one in done.values()}
        moved = moved_by(out / RECORD)
        _cut_half_line(out / RECORD)
        with (out / RECORD).open("ab") as record:
            for placed in self._placed(separation, how, folds=folds):
                target = out / placed.target
                _refuse_other(out, placed, placed_before.get(placed.file, placed.target))
                if placed.target in done and target.exists() and placed.how != "move":
                    separation.there += 1
                    continue
                _refuse_foreign(target, placed.target in done)
                record.write(_encoder.encode(placed) + b"\n")
                record.flush()
                _place(placed, target)
        separation.there += len(moved.keys() & separation.missing)
        separation.missing = [name for name in separation.missing if name not in moved]
        return separation

    def renamed(self, out: Path, folds: bool) -> Iterator[ImageResult]:
        """The images as they are called in the folders; those without a file as they were."""
        moved = moved_by(out / RECORD)  # before: `disk` does not know them any more
        for image in self._results.images():
            if self._disk.find(image.file) is not None:
                yield msgspec.structs.replace(image, file=self._target(image, folds))
            else:
                name = moved.get(image.file, image.file)
                yield msgspec.structs.replace(image, file=name)

    def _placed(self, separation: Separation, how: How, *, folds: bool) -> Iterator[Placed]:
        targets: set[str] = set()
        for image in self._results.images():
            file = self._disk.find(image.file)
            if file is None:
                separation.missing.append(image.file)
                continue
            target = self._target(image, folds)
            if target in targets:  # named twice, or in two spellings
                continue
            targets.add(target)
            source = str((self._root / file_name_of(file)).absolute())
            size, folder = os.stat(source).st_size, self._sorter.folder_of(image)
            separation.images[folder] += 1
            separation.sizes[folder] += size
            yield Placed(
                file=image.file, folder=folder, source=source, target=target, how=how, size=size
            )

    def _target(self, image: ImageResult, folds: bool) -> str:
        folder = safe_name(self._sorter.folder_of(image), folds=False)
        return f"{folder}/{safe_name(forward(image.file), folds=folds)}"


def read_record(path: Path) -> Iterator[Placed]:
    """The lines of a record, none where there is none; half a line that a kill left is no line.

    Raises InvalidRequest where the file is none.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.endswith(b"\n"):
                yield _decoded(path, number, line)


def moved_by(record: Path) -> dict[str, str]:
    """By name, where files were moved to."""
    return {one.file: one.target for one in read_record(record) if one.how == "move"}


def _decoded(path: Path, number: int, line: bytes) -> Placed:
    try:
        return _placed.decode(line)
    except DECODE_ERRORS as error:
        raise InvalidRequest(
            f"{path}, line {number}: this is no record of `megabatch post separate`, which are "
            f"called {RECORD}."
        ) from error


def _cut_half_line(record: Path) -> None:
    """Cut off what a kill has left of a line: the next one is added there."""
    if record.exists():
        data = record.read_bytes()
        os.truncate(record, data.rfind(b"\n") + 1)


def check_room(separation: Separation, how: How, root: Path) -> None:
    """Raises InvalidRequest where the disk has no room for what is to be copied."""
    place = next(
        path for path in (separation.out, *separation.out.absolute().parents) if path.exists()
    )
    same_disk = place.stat().st_dev == root.stat().st_dev
    if how != "copy" and same_disk:
        return
    free = shutil.disk_usage(place).free
    if separation.size > free:
        raise InvalidRequest(
            f"{separation.size:,} bytes are to be written, and {free:,} are free at {place}."
        )


def undo(record: Path) -> tuple[int, list[str]]:
    """Take back what a record says; how many files, and which were left as they are, and why.

    What was moved goes back where it was; what was linked or copied is deleted, unless somebody
    has changed it since. Empty folders go, and the record, once nothing is left. Raises
    InvalidRequest where there is no record.
    """
    if not record.exists():
        raise InvalidRequest(f"There is no record {record}; it is called {RECORD}.")
    taken_back, left = 0, []
    for placed in reversed(list(read_record(record))):
        why = _take_back(placed, record.parent / placed.target)
        if why:
            left.append(f"{placed.target}: {why}")
        else:
            taken_back += 1
    _remove_empty(record.parent)
    if not left:
        record.unlink()
    return taken_back, left


def _place(placed: Placed, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source = Path(placed.source)
    if placed.how == "move":
        _move(source, target)
    elif placed.how == "copy" or not _link(source, target):
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    """Copy a file with its times: whole, or not at all."""
    with whole_file(target) as part:
        shutil.copy2(source, part)


def _move(source: Path, target: Path) -> None:
    """Move a file, to another disk too; it is whole in one of the two places at any moment."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)
        source.unlink()


def _link(source: Path, target: Path) -> bool:
    """Whether a hard link could be made: not across disks, and not on every one."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EINVAL):
            return False
        raise
    return True


def _refuse_other(out: Path, placed: Placed, before: str) -> None:
    """An image lies in one folder: what was sorted otherwise is taken back first."""
    if before != placed.target and (out / before).exists():
        raise InvalidRequest(
            f"{out} has {placed.file} in {before}, and now it would be {placed.target}. Take back "
            f"what was sorted otherwise, with --undo {out / RECORD}, or choose another folder."
        )


def _refuse_foreign(target: Path, ours: bool) -> None:
    if target.exists() and not ours:
        raise FileExistsError(
            errno.EEXIST, "is there already, and not from this; choose an empty folder", str(target)
        )


def _take_back(placed: Placed, target: Path) -> str:
    """Empty where the file is as it was before; else why it is not."""
    source = Path(placed.source)
    if placed.how == "move":
        return _move_back(source, target)
    if not target.exists():
        return ""
    if not source.exists():
        return "its original is gone, so it is kept"
    if target.stat().st_size != placed.size:
        return "it was changed since"
    target.unlink()
    return ""


def _move_back(source: Path, target: Path) -> str:
    if source.exists():
        return "another file stands where it was" if target.exists() else ""
    if not target.exists():
        return "it is neither here nor where it was"
    source.parent.mkdir(parents=True, exist_ok=True)
    _move(target, source)
    return ""


def _remove_empty(folder: Path) -> None:
    for path, _, _ in sorted(os.walk(folder), reverse=True):
        if Path(path) != folder and not os.listdir(path):
            os.rmdir(path)
