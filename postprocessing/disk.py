"""The images and videos below a folder, and how names are found among them.

Results and disk may spell a name differently: with backslashes, in upper or lower case, or with
letters and their accents apart, as macOS does (NFD). A name means a file that is spelled just so;
else the one file that differs in nothing but that.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.containers.file_names import listed_name
from core.containers.listing import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from core.containers.names import is_system_part, suffix_of

_TAKEN = IMAGE_SUFFIXES | VIDEO_SUFFIXES


def files_below(root: Path) -> Iterator[str]:
    """The names of images and videos below a folder, relative to it, with `/`; sorted."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_system_part(name))
        above = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in sorted(files):
            if suffix_of(name) in _TAKEN and not is_system_part(name):
                yield listed_name(name if above == "." else f"{above}/{name}")


def forward(name: str) -> str:
    """The name with `/` in place of each backslash, as Windows writes them."""
    return name.replace("\\", "/")


def key_of(name: str) -> str:
    """What is the same for all spellings of a name."""
    return unicodedata.normalize("NFC", forward(name)).casefold()


class Names:
    """Names that are looked up in any spelling."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = set(names)
        self._by_key: dict[str, str | None] = {}
        for name in self._exact:
            key = key_of(name)
            # None where two differ in spelling alone: then only the exact one will do.
            self._by_key[key] = None if key in self._by_key else name

    def __len__(self) -> int:
        return len(self._exact)

    def __iter__(self) -> Iterator[str]:
        return iter(self._exact)

    def find(self, name: str) -> str | None:
        """The name that this one means, as it is spelled here; None where there is none."""
        return name if name in self._exact else self._by_key.get(key_of(name))
