"""Several results files as one: success takes the place of failure, and nothing wins in silence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from core.errors import InvalidRequest
from core.results.format import ImageResult
from core.results.reader import Results
from core.results.versions import info_in_version
from postprocessing.classes import DESCRIPTIONS, NAMES, Classes, joined
from postprocessing.disk import forward
from postprocessing.light import light_images
from postprocessing.thresholds import AND

#: Fields that are joined, and need not be the same.
_OF_CLASSES = (NAMES, DESCRIPTIONS)
#: Names that a message tells.
_SHOWN = 5


class Source(msgspec.Struct, frozen=True):
    """A results file, and what is put before its names: for containers that share names."""

    results: Results
    prefix: str = ""

    def name_of(self, file: str) -> str:
        return f"{self.prefix}{file}"


class Combined(msgspec.Struct, frozen=True, kw_only=True):
    """How several files are one."""

    sources: tuple[Source, ...]
    info: dict[str, Any]
    categories: dict[str, str]
    classes: Classes
    #: Name, with `/` for each backslash, to the source whose entry is taken.
    winners: dict[str, int]
    #: Failures that gave way to another file's entry.
    replaced: int

    def images(self) -> Iterator[ImageResult]:
        """The images, file after file, each name once."""
        for number, source in enumerate(self.sources):
            for image in source.results.images():
                name = source.name_of(image.file)
                if self.winners[forward(name)] == number:
                    one = self.classes.renumbered(image, number)
                    yield msgspec.structs.replace(one, file=name)

    @property
    def extra(self) -> dict[str, Any]:
        """The further fields of all files, and the classes of all as one list."""
        fields: dict[str, Any] = {}
        for source in self.sources:
            fields |= source.results.extra
        own = {name: value for name, value in fields.items() if name not in _OF_CLASSES}
        return own | self.classes.fields


def combine(sources: Sequence[Source], *, mixed: bool = False) -> Combined:
    """Look at all files, and tell how they are one; memory grows with the names alone.

    `mixed` lets files of different models, thresholds or preprocessing through. Raises
    InvalidRequest where they conflict: in those, in what a category id means, in further fields,
    or where an image succeeded in several.
    """
    conflicts = _conflicts_of_info(sources) if not mixed else []
    if conflicts:
        conflicts.append("(--mixed puts together what different models and settings have found)")
    conflicts += _conflicts_of_categories(sources) + _conflicts_of_fields(sources)
    if conflicts:
        raise InvalidRequest("\n  ".join(["These files do not go together:", *conflicts]))
    winners, replaced = _winners(sources)
    return Combined(
        sources=tuple(sources),
        info=_info(sources),
        categories=_categories(sources),
        classes=joined([source.results for source in sources]),
        winners=winners,
        replaced=replaced,
    )


class _Winners:
    """Which file's entry is taken for each name."""

    def __init__(self) -> None:
        self.winners: dict[str, int] = {}
        self._failed: set[str] = set()
        self.twice: list[str] = []
        self.replaced = 0

    def add(self, number: int, name: str, failed: bool) -> None:
        standing = self.winners.get(name)
        if standing is None:
            self.winners[name] = number
            if failed:
                self._failed.add(name)
        elif standing == number or not (failed or name in self._failed):
            self.twice.append(name)
        else:
            self.replaced += 1
            if not failed:
                self.winners[name] = number
                self._failed.discard(name)


def _winners(sources: Sequence[Source]) -> tuple[dict[str, int], int]:
    found = _Winners()
    for number, source in enumerate(sources):
        for image in light_images(source.results):
            name = forward(source.name_of(image.file))
            found.add(number, name, image.failure is not None)
    if found.twice:
        more = f", and {len(found.twice) - _SHOWN:,} more" if len(found.twice) > _SHOWN else ""
        raise InvalidRequest(
            f"These images have results more than once: {', '.join(found.twice[:_SHOWN])}{more}. "
            "Where they are different images, give a file a prefix (`--prefix card1/=FILE`); where "
            "they are the same, take them out of one file with `megabatch post subset`."
        )
    return found.winners, found.replaced


def _conflicts_of_info(sources: Sequence[Source]) -> list[str]:
    return [
        f"{name}: {', '.join(f'{value} in {path}' for value, path in told.items())}"
        for name, told in _told(sources).items()
        if len(told) > 1
    ]


def _told(sources: Sequence[Source]) -> dict[str, dict[str, str]]:
    """What made the files: field to each value and one file that has it."""
    told: dict[str, dict[str, str]] = {}
    for source in sources:
        for name, value in _settings(source.results.info).items():
            told.setdefault(name, {}).setdefault(str(value), source.results.path.name)
    return told


def _settings(info: Mapping[str, Any]) -> dict[str, Any]:
    custom = info.get("custom_metadata")
    own = custom.get("megabatch") if isinstance(custom, dict) else None
    settings = own if isinstance(own, dict) else {}
    names = ("detection_threshold", "preprocessing", "truncated_images", "model_sha256")
    chosen = {name: settings[name] for name in names if name in settings}
    return {"detector": info.get("detector", "not named"), **chosen}


def _conflicts_of_categories(sources: Sequence[Source]) -> list[str]:
    meaning: dict[str, tuple[str, str]] = {}
    conflicts = []
    for source in sources:
        path = source.results.path.name
        for number, name in source.results.detection_categories.items():
            known, where = meaning.setdefault(number, (name, path))
            if known != name:
                conflicts.append(
                    f"category {number}: {known!r} in {where}, {name!r} in {path} (change one with "
                    "`megabatch post remap`)"
                )
    return conflicts


def _conflicts_of_fields(sources: Sequence[Source]) -> list[str]:
    first: dict[str, tuple[Any, str]] = {}
    conflicts = []
    for source in sources:
        for name, value in source.results.extra.items():
            if name in _OF_CLASSES:
                continue
            known, where = first.setdefault(name, (value, source.results.path.name))
            if known != value:
                conflicts.append(f"{name}: not the same in {where} and {source.results.path.name}")
    return conflicts


def _categories(sources: Sequence[Source]) -> dict[str, str]:
    return {
        number: name
        for source in sources
        for number, name in source.results.detection_categories.items()
    }


def _info(sources: Sequence[Source]) -> dict[str, Any]:
    """That of the first file, in the newest version of all; of several models, all their names."""
    info = info_in_version(
        sources[0].results.info, max(source.results.version for source in sources)
    )
    detectors = list(_told(sources)["detector"])
    if len(detectors) > 1:
        info["detector"] = AND.join(detectors)
        info.pop("detector_metadata", None)
    return info
