"""What all converters have in common: what they are asked for, and what they tell."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, Protocol

from core.results.format import Detection, ImageResult
from core.results.reader import Results
from core.results.versions import NEWEST, Version
from core.results.writer import Sink
from postprocessing.thresholds import Threshold

#: Different things that are told; a file may hold fields without end.
_MOST_NOTES = 50
_FURTHER = "further fields of other programs"


class Notes:
    """Counts what has no place in the target, or was read otherwise than it stood."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """Count `what`, such as `images that failed: COCO has no place for them`."""
        if what not in self._counts and len(self._counts) >= _MOST_NOTES:
            what = _FURTHER
        if count:
            self._counts[what] += count

    def add_fields(self, extra: Mapping[str, Any] | None, where: str) -> None:
        """Count the fields that are not part of the format, by name."""
        for name in extra or ():
            self.add(f"field `{name}` of {where}")

    def add_told(self, image: ImageResult, names: Sequence[str]) -> None:
        """Count those of the format's fields that an image has, and all that are not part of it."""
        for name in names:
            if getattr(image, name):
                self.add(f"field `{name}` of images")
        self.add_fields(image.extra, "images")

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each thing was told."""
        return self._counts


@dataclass(frozen=True, kw_only=True)
class Options:
    """What somebody may ask for; a format reads those that its entry in `formats.py` names."""

    #: Detections that are not above it are left out; None keeps all.
    threshold: Threshold | None = None
    #: Columns for the first folders of a name.
    folder_columns: int = 2
    #: Folder of the images, where their sizes are read.
    images: Path | None = None
    #: Write the confidence as a sixth column of YOLO's lines.
    scores: bool = False
    #: Table of where and when cameras stood.
    deployments: Path | None = None
    #: What the cameras' clocks showed.
    timezone: tzinfo | None = None
    #: Seconds between two images of one event, at most; None for no events.
    gap: int | None = None
    #: JSON with what only people know of a data package.
    metadata: Path | None = None
    version: Version = NEWEST

    def counts(self, detection: Detection) -> bool:
        """Whether the detection is written."""
        return self.threshold is None or detection.conf > self.threshold.value


class Categories:
    """Gives ids to names as they come; those that every program knows have theirs."""

    def __init__(self, known: Mapping[str, str], first_free: int) -> None:
        self._known, self._free = known, first_free
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def id_of(self, name: str) -> str:
        if name not in self._ids:
            self.claim(self._free_id(name), name)
        return self._ids[name]

    def claim(self, number: str, name: str) -> None:
        """Keep an id that the source gives to a name."""
        self._ids.setdefault(name, number)
        self._names.setdefault(number, name)

    def names(self) -> dict[str, str]:
        """Id to name, by id."""
        return dict(sorted(self._names.items(), key=lambda pair: (len(pair[0]), pair[0])))

    def _free_id(self, name: str) -> str:
        known = self._known.get(name)
        if known is not None and known not in self._names:
            return known
        while str(self._free) in self._names:
            self._free += 1
        return str(self._free)


def detection_categories() -> Categories:
    """With the ids of MegaDetector; 0 is left free, for programs take it for `empty`."""
    return Categories({"animal": "1", "person": "2", "vehicle": "3"}, 4)


def class_categories() -> Categories:
    return Categories({}, 0)


@dataclass
class Imported:
    """What a reader makes of another program's file; names are complete when `images` is."""

    images: Iterator[ImageResult]
    categories: Categories = field(default_factory=detection_categories)
    classes: Categories = field(default_factory=class_categories)
    #: Descriptions of classes, id to text, such as SpeciesNet's long names.
    descriptions: dict[str, str] = field(default_factory=dict)
    #: What stands in `info`, besides the version and where it comes from.
    info: dict[str, Any] = field(default_factory=dict)
    #: Further top-level fields.
    extra: dict[str, Any] = field(default_factory=dict)


class Writer(Protocol):
    """Writes results as another format: the file or folder appears when it is whole."""

    def __call__(self, results: Results, target: Path, options: Options, notes: Notes, /) -> int:
        """The number of images that were written."""


class Reader(Protocol):
    """Reads another format as results."""

    def __call__(self, source: Path, options: Options, notes: Notes, /) -> Imported:
        """Raises InvalidResults, naming the place."""


class Lines:
    """Writes a list of JSON into a file, an entry a line."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._begun = False

    def write(self, entry: bytes) -> None:
        self._sink.write(b",\n" + entry if self._begun else b"\n" + entry)
        self._begun = True


def category_name(results: Results, detection: Detection) -> str:
    """The name of a detection's category; its id where the file gives it no name."""
    return results.detection_categories.get(detection.category, detection.category)
