"""What a picture that we write is called, by the name of the image that it is drawn from.

Ordinary names stay as they are. A name that cannot stay, or that some file system could take for
another one, is made harmless and marked: `a?.jpg` becomes `a_~xw66nl6wpf.jpg`, where what follows
the `~` is a hash of the whole name. No other name has a `~`, so two names never meet; a crop has
one of its own, such as `a~00-animal.jpg`.
"""

import base64
import hashlib
import re
import unicodedata

_MARK = "~"
_HASH_LETTERS = 10

# Pictures keep the formats that every viewer opens and that lose little; the others become JPEG,
# with `.jpg` behind their name.
_KEPT = re.compile(r"\.(?:jpe?g|png)\Z", re.IGNORECASE | re.ASCII)
_BECOMES_JPEG = re.compile(r"\.(?:bmp|gif|tiff?|webp)\Z", re.IGNORECASE | re.ASCII)
_LOOKS_LIKE_THAT = re.compile(r"\.(?:bmp|gif|tiff?|webp)\.jpg\Z", re.IGNORECASE | re.ASCII)

# The scheme of a URL, or a drive.
_START = re.compile(r"[a-z][a-z0-9+.-]*:/", re.IGNORECASE | re.ASCII)
# Characters that no Windows name has.
# Source: Microsoft, "Naming Files, Paths, and Namespaces"; likewise the names of devices.
_FOREIGN = frozenset('<>:"\\|?*' + _MARK)
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE
)
# Bytes in UTF-8 of a part, and of all folders. File systems take 255 of a part, macOS takes 1024 of
# a path; that leaves room for marks, and for the folder that the pictures are written to.
_LONGEST_PART, _LONGEST_FOLDERS, _LONGEST_CATEGORY = 180, 500, 24

# Cameras write upper case. Source: JEITA CP-3461 (DCF), names of directories and files.
_OF_CAMERA = re.compile(r"\w{4}[0-9]{4}\.jpg|[0-9]{3}\w{5}|dcim", re.ASCII)


def picture_name(name: str, *, folds: bool = True) -> str:
    """The relative path, with `/`, of the picture of an image; no two names have the same one.

    `folds`: nor two that a file system which ignores case, or how letters are composed, takes for
    the same. Then a name is ordinary in lower case; what cameras make up is in upper case.
    """
    stem, suffix = _picture(name, folds)
    return stem + suffix


def crop_name(name: str, index: int, category: str, *, folds: bool = True) -> str:
    """Likewise of a crop: of the detection that stands at `index` of the image's detections."""
    stem, suffix = _picture(name, folds)
    letters = re.sub(r"\W+", "-", category).strip("-")
    return f"{stem}{_MARK}{index:02d}-{_cut(letters, _LONGEST_CATEGORY)}{suffix}"


def folded(part: str) -> str:
    """The same for all spellings of a file's name that some file system takes for the same."""
    decomposed = unicodedata.normalize("NFD", part)
    return unicodedata.normalize("NFC", decomposed.upper().casefold())


def _picture(name: str, folds: bool) -> tuple[str, str]:
    harmless = _harmless(name)
    kept = _KEPT.search(harmless)
    stem, suffix = (harmless[: kept.start()], kept[0]) if kept else (harmless, ".jpg")
    if harmless == name and not _may_meet(name, folds):
        return stem, suffix
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return stem + _MARK + base64.b32encode(digest).decode().lower()[:_HASH_LETTERS], suffix


def _may_meet(name: str, folds: bool) -> bool:
    """Whether another name could lead to the same picture, if this one were not marked."""
    if _LOOKS_LIKE_THAT.search(name) or not (_KEPT.search(name) or _BECOMES_JPEG.search(name)):
        return True
    return folds and name != "/".join(_usual(part) for part in name.split("/"))


def _usual(part: str) -> str:
    """Of all spellings that are taken for the same, the one that stays."""
    spelling = folded(part)
    return spelling.upper() if _OF_CAMERA.fullmatch(spelling) else spelling


def _harmless(name: str) -> str:
    """A relative path that leads nowhere but down, and is legal on every system."""
    parts = [_legal(part) for part in _START.sub("", name, count=1).split("/")]
    *folders, file = [part for part in parts if part] or ["_"]
    return "/".join((*_first(folders), _cut_stem(file)))


def _first(folders: list[str]) -> list[str]:
    """The first folders, as far as there is room. None is called like a picture."""
    kept, room = [], _LONGEST_FOLDERS
    for folder in folders:
        short = _cut(folder, _LONGEST_PART)
        short += "_" if _KEPT.search(short) else ""
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
    kept = _KEPT.search(file)
    suffix = kept[0] if kept else ""
    return _cut(file.removesuffix(suffix), _LONGEST_PART) + suffix


def _cut(text: str, most: int) -> str:
    """So many bytes of it at most."""
    data = text.encode()
    return text if len(data) <= most else data[:most].decode(errors="ignore").rstrip(" .")
