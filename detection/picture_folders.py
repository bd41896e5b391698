"""Folders that pictures are written to: apart from the originals, and how they take names."""

import os
import secrets
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from core.errors import InvalidRequest
from detection.picture_names import folded

# What Windows calls a path that may be longer than 260 characters, of a disk and of a share.
# Source: Microsoft, "Maximum Path Length Limitation".
_LONG, _LONG_SHARE = "\\\\?\\", "\\\\?\\UNC\\"


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


def folds_names(folder: Path) -> bool:
    """Whether the file system takes names for the same that differ in case, or as NFC from NFD.

    Writes a file there, and removes it. Raises OSError where that cannot be.
    """
    probe = folder / f".\u00e9{secrets.token_hex(8)}.part"
    probe.touch(exist_ok=False)
    try:
        spellings = (probe.name.upper(), unicodedata.normalize("NFD", probe.name))
        return any((folder / spelling).exists() for spelling in spellings)
    finally:
        probe.unlink()


def long_path(path: str) -> str:
    """A whole path of Windows, as its calls take it whatever its length."""
    if path.startswith(_LONG):
        return path
    return _LONG_SHARE + path[2:] if path.startswith("\\\\") else _LONG + path


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
