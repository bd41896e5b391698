"""Results as Timelapse wants them: named from its root folder, spelled as on disk.

Timelapse looks an image up by the path from the folder that holds its template. What it does not
find it passes over without a word, and an image that failed looks to it like an empty one.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec

from core.results.format import ImageResult
from core.results.reader import Results
from postprocessing.disk import Names, key_of
from postprocessing.light import light_images

#: Files by which the difference between the two kinds of names is found.
_SAMPLE = 500


class Shift(msgspec.Struct, frozen=True):
    """What is taken off the front of a name in the results, and what is put there."""

    strip: str = ""
    add: str = ""

    def apply(self, name: str) -> str | None:
        """The name from the root; None for a name that does not begin with `strip`."""
        plain = name.replace("\\", "/")
        return self.add + plain[len(self.strip) :] if plain.startswith(self.strip) else None


class Match(msgspec.Struct, kw_only=True):
    """How the results and the disk go together."""

    shift: Shift
    matched: int = 0
    #: Names of results for which there is no file, and files for which there are no results.
    missing: list[str] = []
    extra: list[str] = []
    #: Images that failed, as the disk calls them, and why. They are not in what is written.
    failed: list[tuple[str, str]] = []


def find_shift(results: Results, disk: Names) -> Shift:
    """The difference between the names of the results and those of the disk that fits most files.

    One kind of names may be longer than the other: results of a whole disk for one folder of it,
    or results of one folder for the disk. No difference where nothing fits.
    """
    by_base: dict[str, list[str]] = {}
    for name in sorted(disk)[:: max(1, len(disk) // _SAMPLE)]:
        by_base.setdefault(_base(name), []).append(name)
    fits: Counter[Shift] = Counter()
    for image in light_images(results):
        for name in by_base.get(_base(image.file), ()):
            shift = _shift_between(image.file.replace("\\", "/"), name)
            if shift is not None:
                fits[shift] += 1
    return min(fits, key=lambda one: (-fits[one], one.strip, one.add)) if fits else Shift()


def match(results: Results, disk: Names, shift: Shift, matched: Match) -> Iterator[ImageResult]:
    """The images that are on the disk and did not fail, called as there; `matched` is filled."""
    found: set[str] = set()
    for image in results.images():
        name = shift.apply(image.file)
        file = None if name is None else disk.find(name)
        if file is None or file in found:
            matched.missing.append(image.file)
            continue
        found.add(file)
        matched.matched += 1
        if image.failure is not None:
            matched.failed.append((file, image.failure))
        else:
            yield msgspec.structs.replace(image, file=file)
    matched.extra.extend(sorted(name for name in disk if name not in found))


def _base(name: str) -> str:
    return key_of(name).rpartition("/")[2]


def _shift_between(result: str, file: str) -> Shift | None:
    """By what one of the two names is longer in front; None where they do not end the same."""
    if len(result) >= len(file):
        strip = result[: len(result) - len(file)]
        same = key_of(result[len(strip) :]) == key_of(file)
        return Shift(strip=strip) if same and (not strip or strip.endswith("/")) else None
    add = file[: len(file) - len(result)]
    same = key_of(file[len(add) :]) == key_of(result)
    return Shift(add=add) if same and add.endswith("/") else None
