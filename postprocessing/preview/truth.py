"""Ground truth: what people say is in the images, in the format COCO Camera Traps.

    {"images": [{"id": "1", "file_name": "a/1.jpg"}],
     "annotations": [{"image_id": "1", "category_id": 2}],
     "categories": [{"id": 2, "name": "deer"}, {"id": 0, "name": "empty"}]}

An annotation says that its category is in its image, whether it has a box or not.
Source: https://lila.science/coco-camera-traps
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from core.errors import InvalidRequest
from core.results.image_lines import DECODE_ERRORS
from core.results.reader import Results, locate
from postprocessing.disk import Names
from postprocessing.timelapse import Shift, find_shift

#: What a category of the truth may mean besides one of the results: that nothing is there, or that
#: nobody could say.
EMPTY, IGNORED = "empty", "ignored"
#: What names mean where nothing else is said. Source: the public MegaDetector
#: repository, `DEFAULT_UNKNOWN_CLASSES` of postprocess_batch_results.py.
_MEANINGS = {
    "empty": EMPTY,
    "unknown": IGNORED,
    "unlabeled": IGNORED,
    "unlabelled": IGNORED,
    "ambiguous": IGNORED,
}


class _Image(msgspec.Struct, frozen=True, gc=False):
    id: str | int
    file_name: str


class _Annotation(msgspec.Struct, frozen=True, gc=False):
    image_id: str | int
    category_id: str | int


class _Category(msgspec.Struct, frozen=True, gc=False):
    id: str | int
    name: str


class _File(msgspec.Struct, frozen=True):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


class Label(msgspec.Struct, frozen=True):
    """What people say of an image."""

    #: Names of the truth's categories, sorted.
    names: tuple[str, ...]
    #: Whether anything is there; None where that cannot be said.
    present: bool | None
    #: Categories of the results that are there; None where a name means none of them.
    categories: frozenset[str] | None

    @property
    def text(self) -> str:
        return " and ".join(self.names)


class Truth:
    """Looks up what people say of an image, in any spelling of its name."""

    def __init__(self, labels: Mapping[str, Label], shift: Shift, names: Names) -> None:
        self._labels, self._names = labels, names
        #: What is taken off names of the results, and put in front, to find them in the truth.
        self.shift = shift

    def of(self, file: str) -> Label | None:
        """None for an image that the truth says nothing of."""
        name = self.shift.apply(file)
        found = None if name is None else self._names.find(name)
        return None if found is None else self._labels.get(found)


def read_truth(path: Path, results: Results, treat: Mapping[str, str]) -> Truth:
    """The truth of these results; memory grows with its images.

    `treat`: a name of the truth to a category of the results, EMPTY or IGNORED. Raises
    InvalidRequest, saying what is wrong with the file or with `treat`.
    """
    file = _decoded(path)
    names = {one.id: one.name for one in file.categories}
    _check(path, names.values(), results, treat)
    labelling = _Labelling(names, results.detection_categories.values(), treat)
    found: dict[str | int, set[str | int]] = {}
    for one in file.annotations:
        found.setdefault(one.image_id, set()).add(one.category_id)
    labels = {
        one.file_name: labelling.label(frozenset(found[one.id]))
        for one in file.images
        if one.id in found
    }
    known = Names(labels)
    return Truth(labels, find_shift(results, known), known)


def _decoded(path: Path) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except DECODE_ERRORS as error:
        pointer, reason = locate(error)
        raise InvalidRequest(
            f"{path} is no ground truth as COCO Camera Traps has it: {pointer or '/'}: {reason}."
        ) from error


def _check(path: Path, names: Iterable[str], results: Results, treat: Mapping[str, str]) -> None:
    allowed = {*results.detection_categories.values(), EMPTY, IGNORED}
    known = {name.casefold() for name in names}
    for name, meaning in treat.items():
        if name.casefold() not in known:
            raise InvalidRequest(f"{path.name} has no category {name}.")
        if meaning not in allowed:
            raise InvalidRequest(f"{meaning} is none of: {', '.join(sorted(allowed))}.")


class _Labelling:
    """The labels of sets of categories; the same few stand for millions of images."""

    def __init__(
        self, names: Mapping[str | int, str], categories: Iterable[str], treat: Mapping[str, str]
    ) -> None:
        self._names = names
        own = {name.casefold(): name for name in categories}
        given = {name.casefold(): meaning for name, meaning in treat.items()}
        human = {"human": own["person"]} if "person" in own else {}
        self._meanings = {**_MEANINGS, **human, **own, **given}
        self._labels: dict[frozenset[str | int], Label] = {}

    def label(self, ids: frozenset[str | int]) -> Label:
        if ids not in self._labels:
            self._labels[ids] = self._new(ids)
        return self._labels[ids]

    def _new(self, ids: frozenset[str | int]) -> Label:
        names = sorted({self._names.get(one, str(one)) for one in ids})
        meanings = {self._meanings.get(name.casefold()) for name in names}
        there = meanings - {EMPTY}
        if IGNORED in there:
            return Label(tuple(names), None, None)
        known = None if None in there else frozenset(one for one in there if one is not None)
        return Label(tuple(names), bool(there), known)
