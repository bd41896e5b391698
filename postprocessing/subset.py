"""Some of the images of a results file, and some of their detections."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec

from core.errors import InvalidRequest
from core.results.format import Detection, ImageResult
from core.results.reader import Results
from postprocessing.categories import ids_of
from postprocessing.disk import forward
from postprocessing.remap import with_detections


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept. First detections are chosen, then images by what is left of them."""

    #: Names that start with one of these; empty for all.
    under: tuple[str, ...] = ()
    #: Names that fit one of these patterns, as in a shell; `*` stands for `/` too.
    matching: tuple[str, ...] = ()
    #: Names of a list; None for all.
    listed: frozenset[str] | None = None
    #: Detections that score above this. Those that were struck out, below 0, go with it.
    above: float | None = None
    #: Detections of categories with these names; empty for all.
    categories: tuple[str, ...] = ()
    #: Detections whose box has at least, and at most, this share of the picture.
    least_area: float = 0.0
    most_area: float = 1.0
    #: Images without a detection that is kept, and those that failed.
    empty: bool = True
    failed: bool = True

    @property
    def chooses_detections(self) -> bool:
        return bool(
            self.above is not None or self.categories or self.least_area > 0 or self.most_area < 1
        )


class Renaming(msgspec.Struct, frozen=True):
    """What takes the place of prefixes of names."""

    #: Pairs of an old prefix and a new one. Of those that a name begins with, the first counts.
    prefixes: tuple[tuple[str, str], ...]

    def apply(self, name: str) -> str:
        for old, new in self.prefixes:
            if name.startswith(old):
                return new + name[len(old) :]
        return name


def subset(
    results: Results, choice: Choice, renaming: Renaming | None = None
) -> Iterator[ImageResult]:
    """The images that are chosen, in file order, with the detections that are.

    Raises InvalidRequest for a category that the file does not have, and where two images would
    have one name.
    """
    ids = ids_of(results, choice.categories)
    images = _chosen(results, _with_slashes(choice), ids)
    return images if renaming is None else _renamed(images, renaming)


def _chosen(results: Results, choice: Choice, ids: frozenset[str]) -> Iterator[ImageResult]:
    for image in results.images():
        if not _is_named(image.file, choice):
            continue
        reduced = _reduced(image, choice, ids)
        if _is_wanted(reduced, choice):
            yield reduced


def _reduced(image: ImageResult, choice: Choice, ids: frozenset[str]) -> ImageResult:
    if not choice.chooses_detections or not image.detections:
        return image
    kept = [one for one in image.detections if _is_kept(one, choice, ids)]
    return with_detections(image, kept)


def _renamed(images: Iterator[ImageResult], renaming: Renaming) -> Iterator[ImageResult]:
    """Raises InvalidRequest where two images would have one name; memory grows with the names."""
    given: set[str] = set()
    for image in images:
        name = renaming.apply(image.file)
        if name in given:
            raise InvalidRequest(f"Two images would be called {name}; begin names otherwise.")
        given.add(name)
        yield msgspec.structs.replace(image, file=name)


def _with_slashes(choice: Choice) -> Choice:
    """Names are compared with `/` for each backslash."""
    listed = None if choice.listed is None else frozenset(map(forward, choice.listed))
    return msgspec.structs.replace(choice, under=tuple(map(forward, choice.under)), listed=listed)


def _is_named(name: str, choice: Choice) -> bool:
    name = forward(name)
    if choice.under and not name.startswith(choice.under):
        return False
    if choice.matching and not any(fnmatchcase(name, one) for one in choice.matching):
        return False
    return choice.listed is None or name in choice.listed


def _is_kept(detection: Detection, choice: Choice, ids: frozenset[str]) -> bool:
    if choice.above is not None and detection.conf <= choice.above:
        return False
    if ids and detection.category not in ids:
        return False
    _, _, width, height = detection.bbox
    return choice.least_area <= width * height <= choice.most_area


def _is_wanted(image: ImageResult, choice: Choice) -> bool:
    if image.failure is not None:
        return choice.failed
    return choice.empty or bool(image.detections)
