"""Images in a local folder."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.containers.file_names import file_name_of, listed_name
from core.containers.folder_walk import FoundFile, holds_anything, shown, walk_files
from core.containers.listing import IMAGE_SUFFIXES, MAX_IMAGE_BYTES, PAGE_SIZE, Page
from core.containers.local_paths import is_below, path_inside, real_path
from core.containers.names import suffix_of
from core.containers.streak import FailureStreak
from core.errors import StorageTrouble, UrlNotAllowed
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage

_POINTER = "/container_url"
# What opening says of a name that is no file's.
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


def folder_of(container_url: str, allowed_roots: Sequence[Path]) -> Path:
    """The real folder that `/path` or `file:///path` names.

    Raises UrlNotAllowed when it does not lie below an allowed root, whether it exists or not.
    """
    path = container_url
    if container_url.lower().startswith("file:"):
        parts = urlsplit(container_url)
        if parts.netloc not in ("", "localhost"):
            raise UrlNotAllowed("A file URL names no host: file:///folder.", pointer=_POINTER)
        path = unquote(parts.path)
    if "\0" in path or not path.startswith("/"):
        raise UrlNotAllowed("A folder is named by its whole path: /folder.", pointer=_POINTER)
    real = Path(os.path.realpath(path))
    if not is_below(str(real), _real_paths(allowed_roots)):
        raise UrlNotAllowed(
            "This folder does not lie below a folder that the service may read. Choose one that "
            "does, or add it to MEGABATCH_ALLOWED_ROOTS.",
            pointer=_POINTER,
        )
    return real


def _real_paths(paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(map(real_path, paths))


class LocalFolder:
    """A folder of images, walked sorted within each directory.

    Names are relative to `root`, with `/`; a name that is not UTF-8 is listed as
    `core.containers.file_names` tells. Links are followed only below `allowed_roots` (`root` alone
    when none are given). The marker of a page is the name of the last image before it.
    """

    def __init__(
        self,
        root: Path,
        allowed_roots: Sequence[Path] = (),
        *,
        page_size: int = PAGE_SIZE,
        suffixes: Container[str] = IMAGE_SUFFIXES,
    ) -> None:
        """`suffixes`: of the files that are listed. Raises StorageTrouble without such a folder."""
        self._root = real_path(root)
        self._roots = _real_paths((root, *allowed_roots))
        self._page_size, self._suffixes = page_size, suffixes
        self._streak = FailureStreak()
        self._device = self._device_now()
        if self._device is None or not os.path.isdir(self._root):
            raise self._gone()

    def pages(self, prefix: str = "", marker: str | None = None) -> Iterator[Page]:
        """See `Container.pages`."""
        self._check_root(held_something=False)
        after = file_name_of(marker) if marker else ""
        skipped: Counter[str] = Counter()
        found = walk_files(self._root, self._roots, prefix=prefix, after=after)
        images = self._images(found, prefix, skipped)
        first = next(images, None)
        while True:
            rest = islice(images, self._page_size - 1)
            page = [first, *rest] if first is not None else []
            # Counted before the next image is looked for: what that passes over is of its page.
            passed_over = skipped.copy()
            skipped.clear()
            first = next(images, None)
            if first is None:
                passed_over.update(skipped)
            # The walk takes what is gone for empty, and the list must not end there.
            self._check_root(held_something=bool(page or passed_over or marker))
            yield Page(images=page, marker=marker, last=first is None, skipped=dict(passed_over))
            if first is None:
                return
            marker = page[-1].name

    def _images(
        self, found: Iterator[FoundFile], prefix: str, skipped: Counter[str]
    ) -> Iterator[ListedImage]:
        for file in found:
            name = listed_name(file.file_name)
            if not name.startswith(prefix):
                continue
            image = None
            if not file.passed_over and suffix_of(name) in self._suffixes:
                image = _listed(name, file.path)
            if image is None:
                skipped[suffix_of(name)] += 1
            else:
                yield image

    def read(self, image: ListedImage) -> bytes | ImageFailure:
        """See `Container.read`. Raises StorageTrouble when the folder itself is gone."""
        path = self._path_of(image.name)
        if path is None:
            self._check_root()
            return ImageFailure(FailureCode.NOT_FOUND)
        try:
            answer = read_file(path, image.etag)
        except PermissionError:
            self._check_root()
            return ImageFailure(FailureCode.FORBIDDEN)
        except OSError as error:
            if error.errno in _NO_FILE:
                self._check_root()
                return ImageFailure(FailureCode.NOT_FOUND)
            self._streak.failed(f"Files cannot be read from the folder: {error.strerror}.")
            return ImageFailure(FailureCode.UNREADABLE)
        self._streak.succeeded()
        return answer

    def close(self) -> None:
        """Nothing is held open."""

    def _path_of(self, name: str) -> str | None:
        """The real path of a listed name; None where it is none, or leads out of the folder."""
        try:
            file_name = file_name_of(name)
        except ValueError:
            return None
        path = path_inside(self._root, file_name)
        if path is None:
            return None
        path = real_path(path)
        return path if is_below(path, self._roots) else None

    def _check_root(self, *, held_something: bool = True) -> None:
        """Raises StorageTrouble unless the folder is there, and not empty if it held something."""
        # Not by its inode: that of a folder may change in file systems of programs (FUSE).
        same = self._device_now() == self._device
        if not same or (held_something and not holds_anything(self._root)):
            raise self._gone()

    def _device_now(self) -> int | None:
        try:
            return os.stat(self._root).st_dev
        except OSError:
            return None

    def _gone(self) -> StorageTrouble:
        return StorageTrouble(
            f"The folder {shown(self._root)} is gone or empty; is its disk still mounted?"
        )


def _listed(name: str, path: str) -> ListedImage | None:
    """The image of this file; None when it is gone, or no regular file.

    One that cannot be looked at is listed all the same: why, its reading tells.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        return None if error.errno in _NO_FILE else ListedImage(name)
    if not stat.S_ISREG(status.st_mode):
        return None
    return ListedImage(name, size=status.st_size, etag=version_of(status))


def version_of(status: os.stat_result) -> str:
    """What tells a file from what it was before: the time of its last change, and its size."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def reading_flags(system: object) -> int:
    """The flags to open an image with, of those that a system has; `system` is a module like `os`.

    Not blocking: opening a pipe would wait for a writer. No link: the path was resolved. Binary:
    Windows would change line ends, and take a byte 26 for the end.
    """
    names = ("O_RDONLY", "O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")
    return sum(getattr(system, name, 0) for name in names)


_FLAGS = reading_flags(os)


def read_file(path: str, etag: str | None = None) -> bytes | ImageFailure:
    """The bytes of a regular file by its real path; `etag`: of the version that is meant.

    Raises OSError.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return ImageFailure(FailureCode.NOT_FOUND)
        if status.st_size > MAX_IMAGE_BYTES:
            return ImageFailure(FailureCode.FILE_TOO_LARGE)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            data = file.read()
        unchanged = etag in (None, version_of(status)) and len(data) == status.st_size
        return data if unchanged else ImageFailure(FailureCode.CHANGED)
    finally:
        os.close(descriptor)
