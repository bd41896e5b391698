"""Folders that appear when they are whole, and names that stay within them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

from core.containers.local_paths import real_path
from core.errors import InvalidRequest
from core.file_systems import folds_names
from core.replacing import replace
from core.safe_names import mark_of, safe_name


@contextmanager
def part_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `target` when all went well.

    Raises InvalidRequest where `target` holds something.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidRequest(f"{target} is there already; name a folder that is new or empty.")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if target.exists():
            target.rmdir()
        replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


class Places:
    """Gives each image a file of its own below a folder, with the folders of its name kept."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = Path(real_path(folder))
        self._folds = folds_names(folder)

    def write(self, name: str, suffix: str, data: bytes) -> str:
        """Write the file of an image; returns its relative path, with `/`."""
        found = self._of(name, suffix)
        path = self._folder / found
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return found

    def _of(self, name: str, suffix: str) -> str:
        """A path where no file is yet: that of the name, its suffix replaced, if that can be."""
        path = safe_name(name.replace("\\", "/"), folds=self._folds)
        *folders, file = path.split("/")
        # No folder is called like one of these files, which may have to stand beside it.
        above = [f"{one}_" if one.lower().endswith(suffix) else one for one in folders]
        stem = file.rpartition(".")[0] or file
        # `a.jpg` and `a.png` meet; then the suffix stays. A name may even stand twice.
        numbered = (f"{stem}{mark_of(name)}{number or ''}" for number in count())
        tried = ("/".join([*above, last + suffix]) for last in chain((stem, file), numbered))
        return next(found for found in tried if not (self._folder / found).exists())


def is_named_like(path: str, name: str) -> bool:
    """Whether a program that knows the image finds this file: they differ in the suffix alone."""
    return path.rpartition(".")[0] == name.rpartition(".")[0]


def inside(folder: Path, path: str) -> Path | None:
    """The file with this relative path below a folder; None where it leads out or to no file."""
    try:
        found = (folder / path).resolve()
        return found if found.is_relative_to(folder.resolve()) and found.is_file() else None
    except (OSError, ValueError):  # no file can have such a name
        return None
