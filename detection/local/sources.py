"""What was named at the prompt - images, folders, lists, URLs - as images to list and to read.

An image is called by its path relative to the base: the folder that was named, the folder of the
list or the image, or of several of these the deepest folder that holds them all. What lies
elsewhere is called by its whole path, and what has a URL by that URL without its secrets.
"""

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from core.containers.file_names import file_name_of, listed_name
from core.containers.folder import LocalFolder, version_of
from core.containers.listing import IMAGE_SUFFIXES, Page
from core.containers.names import add_skipped
from core.errors import InvalidRequest
from core.image_list import ListedImage
from core.secrets import without_secrets
from detection.local.lists import LIST_SUFFIXES, ListEntry, read_list
from detection.local.places import is_url

_WILD = frozenset("*?[")


class Skipped(msgspec.Struct):
    """What listing passed over."""

    #: Files that are no images, by suffix.
    by_suffix: dict[str, int] = {}
    #: Names that were listed before.
    duplicates: int = 0


class Sources:
    """The images that were named, in a fixed order: folders first."""

    def __init__(
        self,
        named: Sequence[str],
        relative_to: Path | None = None,
        suffixes: frozenset[str] = IMAGE_SUFFIXES,
    ) -> None:
        """`suffixes`: of what is taken from folders.

        Raises InvalidRequest for what is neither there nor a URL, and for a bad list.
        """
        self._suffixes = suffixes
        self._named = [one for name in named for one in _expanded(name)]
        # As they are now: a folder whose disk goes away must not become the name of an image.
        self._folders = frozenset(one for one in self._named if os.path.isdir(one))
        self._lists = {one: read_list(Path(one)) for one in self._named if _is_list(one)}
        self.base = os.path.abspath(relative_to) if relative_to else self._common_base()
        # Whole URLs of the names that lack a secret.
        self._urls: dict[str, str] = {}

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders that were named."""
        return tuple(os.path.abspath(one) for one in self._named if one in self._folders)

    @property
    def must_be_there(self) -> tuple[str, ...]:
        """The folders without which nothing can be read: of what was named one by one, or in
        lists, the one that holds it all.
        """
        folders = (
            os.path.dirname(os.path.abspath(os.path.join(folder, entry.name)))
            for entry, folder in self._entries()
            if not is_url(entry.name)
        )
        common = _common_folder(folders)
        return self.roots if common is None else (*self.roots, common)

    @property
    def has_urls(self) -> bool:
        return any(is_url(entry.name) for entry, _ in self._entries())

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders in which images were named, one by one or all that lies below."""
        places = (
            self.place_of(self._entry(entry, folder).name) for entry, folder in self._entries()
        )
        return (
            *map(Path, self.roots),
            *{Path(place).parent: None for place in places if not is_url(place)},
        )

    @property
    def described(self) -> tuple[str, ...]:
        """What was named, as it may be written down."""
        return tuple(
            without_secrets(one) if is_url(one) else listed_name(_whole(one)) for one in self._named
        )

    def images(self, skipped: Skipped, leave_out: Sequence[Path] = ()) -> Iterator[ListedImage]:
        """The images, each name once. What is passed over is added to `skipped`.

        `leave_out`: folders whose pictures are not taken, where a folder that was named holds them.
        """
        if len(self._named) == 1 and self.roots:
            yield from self._folder(self.roots[0], skipped, leave_out)
            return
        seen: set[str] = set()
        for image in self._all(skipped, leave_out):
            if image.name in seen:
                skipped.duplicates += 1
                continue
            seen.add(image.name)
            yield image

    def place_of(self, name: str) -> str:
        """The whole path or URL of this image; a name that no file can have leads to none."""
        url = self._urls.get(name)
        if url is not None or is_url(name):
            return url or name
        with suppress(ValueError):
            name = file_name_of(name)
        return os.path.join(self.base, name.replace("/", os.sep))

    def listed(self, name: str, meta: str | None) -> ListedImage:
        """The image of this name as it is now."""
        place = self.place_of(name)
        size, etag = (None, None) if is_url(place) else _version(place)
        return ListedImage(name, size=size, etag=etag, meta=meta)

    def learn_urls(self) -> None:
        """Get to know the whole URLs of names that lack a secret, without listing any folder."""
        for entry, _ in self._entries():
            if is_url(entry.name):
                self._named_url(entry)

    def _entries(self) -> Iterator[tuple[ListEntry, str]]:
        """What was named one by one, and the folder from which it was."""
        for one in self._named:
            if one in self._lists:
                folder = os.path.dirname(os.path.abspath(one))
                yield from ((entry, folder) for entry in self._lists[one])
            elif one not in self._folders:
                yield ListEntry(one), os.getcwd()

    def _all(self, skipped: Skipped, leave_out: Sequence[Path]) -> Iterator[ListedImage]:
        for root in self.roots:
            yield from self._folder(root, skipped, leave_out)
        yield from (self._entry(entry, folder) for entry, folder in self._entries())

    def _folder(
        self, folder: str, skipped: Skipped, leave_out: Sequence[Path]
    ) -> Iterator[ListedImage]:
        hidden = [f"{path}{os.sep}" for path in map(os.path.abspath, leave_out)]
        # Of one's own disk, links may lead anywhere.
        anchor = Path(Path(folder).anchor)
        listing = LocalFolder(Path(folder), [anchor], suffixes=self._suffixes)
        for page in listing.pages():
            add_skipped(skipped.by_suffix, page.skipped)
            for image, path in _with_paths(page, folder):
                if not path.startswith(tuple(hidden)):
                    yield msgspec.structs.replace(image, name=self._name_of(path))

    def _entry(self, entry: ListEntry, folder: str) -> ListedImage:
        if is_url(entry.name):
            return self._named_url(entry)
        path = os.path.abspath(os.path.join(folder, entry.name))
        size, etag = _version(path)
        return ListedImage(self._name_of(path), size=size, etag=etag, meta=entry.meta)

    def _named_url(self, entry: ListEntry) -> ListedImage:
        name = without_secrets(entry.name)
        if name != entry.name:
            self._urls[name] = entry.name
        return ListedImage(name, meta=entry.meta)

    def _name_of(self, path: str) -> str:
        below = os.path.join(self.base, "")
        name = path[len(below) :] if self.base and _starts_with(path, below) else path
        return listed_name(name.replace(os.sep, "/"))

    def _common_base(self) -> str:
        local = [_whole(one) for one in self._named if not is_url(one)]
        bases = [one if os.path.isdir(one) else os.path.dirname(one) for one in local]
        try:
            return os.path.commonpath(bases) if bases else ""
        except ValueError:  # on different drives
            return ""


def _expanded(named: str) -> list[str]:
    """The named thing; for a pattern that the shell has left alone, what it stands for."""
    if is_url(named):
        return [named]
    if "://" in named:
        raise InvalidRequest(f"{named.partition('://')[0]}:// is not read here; http(s):// is.")
    if os.path.exists(named):
        return [named]
    found = sorted(glob.glob(named, recursive=True)) if _WILD & set(named) else []
    if not found:
        raise InvalidRequest(f"There is no image, folder or list {named!r} here.")
    return found


def _is_list(named: str) -> bool:
    return not is_url(named) and Path(named).suffix.lower() in LIST_SUFFIXES


def _whole(named: str) -> str:
    return os.path.abspath(named)


def _with_paths(page: Page, folder: str) -> Iterator[tuple[ListedImage, str]]:
    for image in page.images:
        yield image, os.path.join(folder, file_name_of(image.name).replace("/", os.sep))


def _common_folder(folders: Iterator[str]) -> str | None:
    """The deepest folder that holds them all; None of none, and where drives differ."""
    common = next(folders, None)
    for folder in folders:
        if common is None or folder == common or folder.startswith(os.path.join(common, "")):
            continue
        try:
            common = os.path.commonpath([common, folder])
        except ValueError:
            return None
    return common


def _starts_with(path: str, folder: str) -> bool:
    return os.path.normcase(path).startswith(os.path.normcase(folder))


def _version(path: str) -> tuple[int | None, str | None]:
    """Size and version of a file, as `LocalFolder` lists them; nothing of what is not there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None, None
    if not stat.S_ISREG(status.st_mode):
        return None, None
    return status.st_size, version_of(status)
