"""Which names a listing takes, and how those that it passes over are counted."""

import re
from collections.abc import Mapping

from core.containers.listing import IMAGE_SUFFIXES

#: Folders that systems make for themselves, lower case: what lies in them is never an image of the
#: survey. `lost+found` is the ext4 one, which only its root may open.
SYSTEM_FOLDERS = frozenset(
    {"$recycle.bin", "system volume information", "@eadir", ".trashes", "lost+found"}
)

#: macOS writes such a file beside each file that it copies to a foreign disk.
_COMPANION = "._"

#: Suffixes that are counted apart; all after them are counted together, under a name without a dot.
_MOST_SUFFIXES, OTHER_SUFFIXES = 100, "other"

# A suffix is a few letters and digits with a letter among them: names such as `IMG.20190704` would
# otherwise make a suffix each, and the counts are kept in memory and shown.
_SUFFIX = re.compile(r"\.(?=[0-9]*[a-z])[a-z0-9]{1,8}\Z", re.ASCII)


def suffix_of(name: str) -> str:
    """The lower-case suffix, such as `.jpg`; empty where there is none."""
    match = _SUFFIX.search(name[-9:].lower())
    return match[0] if match else ""


def is_image_name(name: str) -> bool:
    """Whether a listing takes this name, by its suffix alone."""
    return suffix_of(name) in IMAGE_SUFFIXES


def is_system_name(name: str) -> bool:
    """Whether any part of this name belongs to a system: neither taken nor counted."""
    return any(is_system_part(part) for part in name.split("/"))


def is_system_part(part: str) -> bool:
    """The same for one part of a name, between slashes."""
    return part.startswith(_COMPANION) or part.lower() in SYSTEM_FOLDERS


def add_skipped(total: dict[str, int], more: Mapping[str, int]) -> None:
    """Add what a page skipped, by suffix; beyond the first suffixes, the others together."""
    for suffix, count in more.items():
        full = len(total) >= _MOST_SUFFIXES and suffix not in total
        key = OTHER_SUFFIXES if full else suffix
        total[key] = total.get(key, 0) + count
