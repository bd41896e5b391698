"""What a picture that we write is called, by the name of the image that it is drawn from.

Ordinary names stay as they are; others are made harmless and marked, as core/safe_names.py tells.
A crop has a mark of its own, such as `a~00-animal.jpg`.
"""

import re

from core.containers.listing import VIDEO_SUFFIXES
from core.safe_names import MARK, cut, harmless, mark_of, safe_name, usual

# Pictures keep the formats that every viewer opens and that lose little; the others become JPEG,
# with `.jpg` behind their name.
_KEPT = re.compile(r"\.(?:jpe?g|png)\Z", re.IGNORECASE | re.ASCII)
_BECOMES_JPEG = re.compile(r"\.(?:bmp|gif|tiff?|webp)\Z", re.IGNORECASE | re.ASCII)
_LOOKS_LIKE_THAT = re.compile(r"\.(?:bmp|gif|tiff?|webp)\.jpg\Z", re.IGNORECASE | re.ASCII)

_MPEG_4 = re.compile(r"\.mp4\Z", re.IGNORECASE | re.ASCII)
_LOOKS_LIKE_MADE = re.compile(
    rf"(?:{'|'.join(map(re.escape, sorted(VIDEO_SUFFIXES)))})\.mp4\Z", re.IGNORECASE | re.ASCII
)

_LONGEST_CATEGORY = 24


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
    return f"{stem}{MARK}{index:02d}-{cut(letters, _LONGEST_CATEGORY)}{suffix}"


def video_name(name: str, *, folds: bool = True) -> str:
    """Likewise of an MPEG-4 video that is made of a video: `clip.avi` becomes `clip.avi.mp4`."""
    path = safe_name(name, folds=folds)
    if not _MPEG_4.search(name):
        return f"{path}.mp4"
    if _LOOKS_LIKE_MADE.search(name) and MARK not in path:
        return f"{path[:-4]}{mark_of(name)}{path[-4:]}"
    return path


def _picture(name: str, folds: bool) -> tuple[str, str]:
    path = harmless(name)
    kept = _KEPT.search(path)
    stem, suffix = (path[: kept.start()], kept[0]) if kept else (path, ".jpg")
    if path == name and not _may_meet(name, folds):
        return stem, suffix
    return stem + mark_of(name), suffix


def _may_meet(name: str, folds: bool) -> bool:
    """Whether another name could lead to the same picture, if this one were not marked."""
    if _LOOKS_LIKE_THAT.search(name) or not (_KEPT.search(name) or _BECOMES_JPEG.search(name)):
        return True
    return folds and name != usual(name)
