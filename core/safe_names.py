"""Relative paths that are safe on every system, for names that may hold anything.

Ordinary names stay as they are. A name that cannot stay, or that some file system could take for
another one, is made harmless and marked: `a?.mp4` becomes `a_~xw66nl6wpf.mp4`, where what follows
the `~` is a hash of the whole name. No other path has a `~`, so two names never meet.
"""

import base64
import hashlib
import re
import unicodedata

MARK = "~"
_HASH_LETTERS = 10

# The scheme of a URL, or a drive.
_START = re.compile(r"[a-z][a-z0-9+.-]*:/", re.IGNORECASE | re.ASCII)
# Characters that no Windows name has.
# Source: Microsoft, "Naming Files, Paths, and Namespaces"; likewise the names of devices.
_FOREIGN = frozenset('<>:"\\|?*' + MARK)
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE
)
# Bytes in UTF-8 of a part, and of all folders. File systems take 255 of a part, macOS takes 1024 of
# a path; that leaves room for marks, and for the folder that the files are written to.
_LONGEST_PART, _LONGEST_FOLDERS = 180, 500
# What may stand for the kind of a file.
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}\Z", re.ASCII)
# Folders are not called so, and pictures are.
_PICTURE = re.compile(r"\.(?:jpe?g|png)\Z", re.IGNORECASE | re.ASCII)

# Cameras write upper case. Source: JEITA CP-3461 (DCF), names of directories and files.
_OF_CAMERA = re.compile(r"\w{4}[0-9]{4}\.jpg|[0-9]{3}\w{5}|dcim", re.ASCII)


def safe_name(name: str, *, folds: bool = True) -> str:
    """The relative path, with `/`, of a file of this name; no two names have the same one.

    `folds`: nor two that a file system which ignores case, or how letters are composed, takes for
    the same. Then a name is ordinary in lower case; what cameras make up is in upper case.
    """
    path = harmless(name)
    if path == name and not (folds and name != usual(name)):
        return path
    suffix = _SUFFIX.search(path)
    stem = path.removesuffix(suffix[0]) if suffix else path
    return f"{stem}{mark_of(name)}{suffix[0] if suffix else ''}"


def mark_of(name: str) -> str:
    """What tells the path of this name from those of all others."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return MARK + base64.b32encode(digest).decode().lower()[:_HASH_LETTERS]


def folded(part: str) -> str:
    """The same for all spellings of a file's name that some file system takes for the same."""
    decomposed = unicodedata.normalize("NFD", part)
    return unicodedata.normalize("NFC", decomposed.upper().casefold())


def usual(name: str) -> str:
    """Of all spellings that are taken for the same, the one that stays."""
    return "/".join(map(_usual, name.split("/")))


def harmless(name: str) -> str:
    """A relative path that leads nowhere but down, and is legal on every system.

    No folder of it is called like a picture.
    """
    parts = [_legal(part) for part in _START.sub("", name, count=1).split("/")]
    *folders, file = [part for part in parts if part] or ["_"]
    return "/".join((*_first(folders), _cut_stem(file)))


def cut(text: str, most: int) -> str:
    """So many bytes of it at most."""
    data = text.encode()
    return text if len(data) <= most else data[:most].decode(errors="ignore").rstrip(" .")


def _usual(part: str) -> str:
    """Of all spellings that are taken for the same, the one that stays."""
    spelling = folded(part)
    return spelling.upper() if _OF_CAMERA.fullmatch(spelling) else spelling


def _first(folders: list[str]) -> list[str]:
    """The first folders, as far as there is room. None is called like a picture."""
    kept, room = [], _LONGEST_FOLDERS
    for folder in folders:
        short = cut(folder, _LONGEST_PART)
        short += "_" if _PICTURE.search(short) else ""
        room -= len(short.encode()) + 1
        if room >= 0:
            kept.append(short)
    return kept


def _legal(part: str) -> str:
    """Empty for a part that is no name at all, such as `..`."""
    letters = "".join("_" if _is_foreign(letter) else letter for letter in part).rstrip(" .")
    return f"_{letters}" if _DEVICE.match(letters) else letters


def _is_foreign(letter: str) -> bool:
    """Control characters, invisible and undefined ones, and halves of characters too."""
    return letter in _FOREIGN or unicodedata.category(letter).startswith("C")


def _cut_stem(file: str) -> str:
    kept = _PICTURE.search(file)
    suffix = kept[0] if kept else ""
    return cut(file.removesuffix(suffix), _LONGEST_PART) + suffix
