"""Files of a local storage, written so that what is acknowledged outlives a power cut.

obstore reads and lists them; but it asks no disk to keep what it writes. Names and conditions are
the same here as there.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: What a file is called that is still written. obstore passes over such names; copied into a
#: cloud, they would be taken for files of ours.
UNFINISHED = re.compile(r"#\d+$")
_NO_NAMES = frozenset({"", ".", ".."})
#: Whoever deletes the last file of a folder deletes the folder, too, perhaps in this moment.
_TRIES = 10


def make_folder(folder: Path) -> None:
    """Make a folder with those above it; done again, it changes nothing. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def create(root: Path, path: str, data: bytes) -> bool:
    """Write a file that is not there; False where one is, which is kept then. Raises OSError."""
    target = _target(root, path)
    with _staged(target, data) as staged:
        try:
            os.link(staged, target)
        except FileExistsError:
            created = False
        else:
            created = True
    keep(root, path)  # also another's, before its content is relied upon
    return created


def replace(root: Path, path: str, data: bytes) -> None:
    """Write a file in place of what is there. Raises OSError."""
    target = _target(root, path)
    with _staged(target, data) as staged:
        os.replace(staged, target)
    keep(root, path)


def keep(root: Path, path: str) -> None:
    """Have the disk keep that the file is there, or that it is not. Raises OSError."""
    for folder in (root / path).parents:
        with suppress(FileNotFoundError):  # deleted, as it was empty
            _sync(folder)
        if folder == root:
            return


def keep_whole(root: Path, path: str) -> None:
    """Have the disk keep a file that another has written. Raises OSError."""
    _sync(root / path)
    keep(root, path)


def delete_unfinished(folder: Path) -> None:
    """Delete what writers that died have left in a folder and below, and folders left empty.

    A writer that is still at such a file fails when it ends. Raises OSError.
    """
    for path, _, names in os.walk(folder, topdown=False):
        for name in filter(UNFINISHED.search, names):
            Path(path, name).unlink(missing_ok=True)
        with suppress(OSError):  # something is in it
            os.rmdir(path)


def _target(root: Path, path: str) -> Path:
    if not _NO_NAMES.isdisjoint(path.split("/")):
        raise ValueError("the path of a file does not lead down by names alone")
    if UNFINISHED.search(path):
        raise OSError("the name of a file does not end like that of an unfinished one")
    return root / path


@contextmanager
def _staged(target: Path, data: bytes) -> Iterator[Path]:
    """The data beside the target, on the disk, until the block ends."""
    staged = target.with_name(f"{target.name}#{secrets.randbits(63)}")
    try:
        _write(staged, data)
        yield staged
    except FileNotFoundError as error:
        # It is not the target that was looked for.
        raise OSError("the folder is being deleted") from error
    finally:
        staged.unlink(missing_ok=True)


def _write(staged: Path, data: bytes) -> None:
    for tries_left in reversed(range(_TRIES)):
        try:
            staged.parent.mkdir(parents=True, exist_ok=True)
            file = staged.open("xb")
        except (FileNotFoundError, FileExistsError):  # the latter of a folder that went since
            if not tries_left:
                raise
        else:
            break
    with file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
