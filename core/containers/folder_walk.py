"""Walking a local folder in a fixed order, in flat memory, from any point on."""

import heapq
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.containers.file_names import listed_name
from core.containers.local_paths import as_typed, is_below, real_path
from core.containers.names import is_system_part
from core.errors import ContainerError, StorageTrouble

# Entries of one directory held at once. A larger directory is scanned several times, so that one
# with a million files needs no more memory than one with this many.
_WINDOW = 50_000

# Windows has a second kind of link to a folder, which Python 3.11 does not tell from a folder.
# Source: Windows SDK, `winnt.h`, IO_REPARSE_TAG_MOUNT_POINT.
_JUNCTION = 0xA0000003
_WINDOWS = os.name == "nt"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory."""

    name: str
    is_folder: bool
    is_link: bool


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of the walk."""

    #: Relative to the root, with `/`, as the file system spells it.
    file_name: str
    path: str
    #: It is a link, or a link to a folder, that is not followed: counted, but not read.
    passed_over: bool = False


@dataclass(frozen=True, slots=True)
class _Level:
    real: str
    #: What stands before the names of its entries: empty, or ends with `/`.
    above: str
    entries: Iterator[Entry]
    #: Where to go on: parts of the file name after which the walk goes on, from this level down.
    after: tuple[str, ...]


def walk_files(
    root: str, roots: Sequence[str], *, prefix: str = "", after: str = ""
) -> Iterator[FoundFile]:
    """The files below `root` sorted by name within each directory, after the file name `after`.

    `root` and `roots` are real paths. A link is followed where it leads below one of `roots`, and
    not back into a folder that is being walked. Directories in which no listed name can start with
    `prefix` are left out. Raises ContainerError and StorageTrouble like `Container.pages`.
    """
    stack = [_level(root, "", tuple(after.split("/")) if after else ())]
    while stack:
        level = stack[-1]
        entry = next(level.entries, None)
        if entry is None:
            stack.pop()
        elif entry.is_folder:
            real = _enter(level, entry, roots, {above.real for above in stack})
            if real is None:
                yield FoundFile(level.above + entry.name, "", passed_over=True)
            elif _may_hold(listed_name(f"{level.above}{entry.name}/"), prefix):
                stack.append(_level(real, f"{level.above}{entry.name}/", _rest(level, entry)))
        elif level.after != (entry.name,):
            yield _file(level, entry, roots)


def _level(real: str, above: str, after: tuple[str, ...]) -> _Level:
    return _Level(real, above, sorted_entries(real, after[0] if after else ""), after)


def _rest(level: _Level, entry: Entry) -> tuple[str, ...]:
    return level.after[1:] if level.after[:1] == (entry.name,) else ()


def _may_hold(folder: str, prefix: str) -> bool:
    return folder.startswith(prefix) or prefix.startswith(folder)


def _enter(level: _Level, entry: Entry, roots: Sequence[str], walked: set[str]) -> str | None:
    """The real path of a sub-folder; None where it is a link that must not be followed."""
    path = os.path.join(level.real, entry.name)
    if not entry.is_link:
        return path
    real = real_path(path)
    return real if is_below(real, roots) and real not in walked else None


def _file(level: _Level, entry: Entry, roots: Sequence[str]) -> FoundFile:
    path = os.path.join(level.real, entry.name)
    leads_out = entry.is_link and not is_below(real_path(path), roots)
    return FoundFile(level.above + entry.name, path, passed_over=leads_out)


def sorted_entries(directory: str, start: str = "", window: int = _WINDOW) -> Iterator[Entry]:
    """The entries of a directory from the name `start` on, in order, `window` of them at a time."""
    while True:
        found = heapq.nsmallest(window, _entries(directory, start), key=lambda entry: entry.name)
        yield from found
        if len(found) < window:
            return
        # No name lies between a name and the same with NUL, which no name holds.
        start = found[-1].name + "\0"


def _entry(entry: os.DirEntry[str]) -> Entry:
    """Raises OSError where a disk cannot tell what this is: it may be a folder full of images."""
    try:
        is_folder = entry.is_dir()
    except OSError as error:
        if not entry.is_symlink() and not isinstance(error, PermissionError):
            raise
        is_folder = False  # a link that leads back to itself, or to what may not be seen
    return Entry(entry.name, is_folder, entry.is_symlink() or _is_junction(entry))


def _is_junction(entry: os.DirEntry[str]) -> bool:
    return _WINDOWS and is_junction(entry.stat(follow_symlinks=False))


def is_junction(status: object) -> bool:
    """Whether this `stat` result, not following links, is that of a junction of Windows."""
    return getattr(status, "st_reparse_tag", None) == _JUNCTION


def shown(directory: str) -> str:
    """A folder's path, as it is told to people."""
    return listed_name(as_typed(directory))


def holds_anything(folder: str) -> bool:
    """Whether the folder is there; an empty one may be left where a disk was mounted."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except PermissionError:  # it is there, and some file in it may be read
        return True
    except OSError:
        return False


def _entries(directory: str, start: str) -> Iterator[Entry]:
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name >= start and not is_system_part(entry.name):
                    yield _entry(entry)
    except FileNotFoundError:
        return  # removed while it was walked; whoever lists looks whether the root is there
    except PermissionError as error:
        raise ContainerError(
            f"The folder {shown(directory)} cannot be opened by the service. Let its user "
            "read it, or choose a prefix that leaves it out.",
            pointer="/container_url",
            code="folder_not_readable",
        ) from error
    except OSError as error:
        raise StorageTrouble(
            f"The folder {shown(directory)} cannot be listed: {error.strerror}."
        ) from error
