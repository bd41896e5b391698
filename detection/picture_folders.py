"""Folders that pictures are written to: apart from the originals, and how they take names."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.containers.local_paths import real_path
from core.errors import InvalidRequest
from core.file_systems import folds_names
from core.replacing import whole_file
from core.safe_names import folded


class PictureFolder:
    """A folder that pictures are written to. Any number of processes may share it."""

    def __init__(self, folder: Path, *, distinct: bool = False) -> None:
        """Makes the folder. `distinct`: see `PictureOptions`. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder
        self._root = Path(real_path(folder))
        #: Names that differ in case, or in how letters are composed, would meet here.
        self.folds = not distinct and folds_names(self._root)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A path to write to, which becomes `name` when that is done: whole, or not at all.

        It takes the place of what is there. Raises OSError.
        """
        target = self._root / name
        self._check_within(target.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as part:
            yield part

    def _check_within(self, folder: Path) -> None:
        # Behind a link that somebody made there may lie originals.
        if not Path(real_path(folder)).is_relative_to(self._root):
            raise NotADirectoryError(
                errno.ENOTDIR, "a link leads out of the folder for pictures", str(folder)
            )


def check_apart(originals: Sequence[Path], *, render: Path | None, crop: Path | None) -> None:
    """Refuse folders in which a picture could be written over an original, or over another one.

    `originals`: the folders of the images. A folder below one of them is fine: it holds what we
    wrote. Raises InvalidRequest, and OSError where nothing can be written.
    """
    for what, folder in (("pictures", render), ("crops", crop)):
        if folder is not None:
            _check_outside(what, folder, originals)
    if render is not None and crop is not None and _is_same(render, crop):
        raise InvalidRequest(
            f"Pictures and crops cannot share the folder {crop}. Give each a folder of its own."
        )


def _check_outside(what: str, folder: Path, originals: Sequence[Path]) -> None:
    for original in originals:
        real = original.resolve()
        if any(_is_same(folder, one) for one in (real, *real.parents)):
            raise InvalidRequest(
                f"The folder for {what}, {folder}, holds originals: {original}. Choose another "
                "one, so that no original is written over; it may lie below the originals."
            )


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one folder, or will once it is made."""
    one, other = one.resolve(), other.resolve()
    if one == other:
        return True
    if one.exists() or other.exists():
        return one.exists() and other.exists() and os.path.samefile(one, other)
    if folded(one.name) != folded(other.name) or not _is_same(one.parent, other.parent):
        return False
    return one.name == other.name or folds_names(_nearest(one))


def _nearest(folder: Path) -> Path:
    """The first folder upwards that is there."""
    return next(above for above in folder.parents if above.exists())
