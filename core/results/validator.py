"""Checks a results file strictly, and tells every fault with its place.

The rules are in `core/results/rules.py` and `core/results/image_rules.py`. Memory grows with the
names of the images alone, for our own layout; any other layout is read whole.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidResults
from core.results import versions
from core.results.image_lines import DECODE_ERRORS, RawImage
from core.results.image_rules import check_image
from core.results.layout import Layout, open_layout
from core.results.reader import locate
from core.results.rules import Context, Finding, Severity, check_top
from core.results.sound_images import sound_names

#: Faults that are kept by default; the rest are counted.
KEPT = 1000


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong with a results file, and where."""

    severity: Severity
    message: str
    #: JSON pointer, such as `/images/17/detections/0/conf`; empty for the file as a whole.
    pointer: str = ""
    #: Position in `images`, from 0, and the name of that image.
    index: int | None = None
    file: str | None = None
    #: Line of the results file, from 1, where it has one image a line.
    line: int | None = None

    def __str__(self) -> str:
        parts = (self.pointer or None, self.file, self.line and f"line {self.line}")
        place = ", ".join(str(part) for part in parts if part)
        return (
            f"{self.severity}: {place}: {self.message}"
            if place
            else (f"{self.severity}: {self.message}")
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a validation found."""

    #: In the order of the file, as many as were to be kept.
    faults: list[Fault]
    #: Counts over the whole file, kept or not.
    errors: int
    warnings: int
    images: int

    @property
    def valid(self) -> bool:
        """Whether the file keeps to the format; warnings do not count."""
        return not self.errors


@dataclass
class _Tally:
    """Keeps the first faults and counts all."""

    keep: int
    faults: list[Fault] = field(default_factory=list)
    errors: int = 0
    warnings: int = 0
    images: int = 0

    def add(self, fault: Fault) -> None:
        if fault.severity is Severity.ERROR:
            self.errors += 1
        else:
            self.warnings += 1
        if len(self.faults) < self.keep:
            self.faults.append(fault)

    def report(self) -> Report:
        return Report(
            faults=self.faults, errors=self.errors, warnings=self.warnings, images=self.images
        )


def validate(path: Path, *, keep: int = KEPT) -> Report:
    """Check the results file at `path` and keep the first `keep` faults.

    A file that cannot be read at all is a report with one error. Raises OSError without a file.
    """
    tally = _Tally(keep)
    try:
        _check_file(open_layout(path), tally)
    except InvalidResults as error:
        tally.add(Fault(severity=Severity.ERROR, message=str(error)))
    return tally.report()


def _check_file(layout: Layout, tally: _Tally) -> None:
    fields = dict(_decoded_fields(layout, tally))
    version = _version(fields.get("info"))
    for found in check_top(fields, version):
        tally.add(Fault(severity=found.severity, message=found.message, pointer=found.pointer))
    context = Context(
        version=version,
        detection_ids=_ids(fields.get("detection_categories")),
        classification_ids=_ids(fields.get("classification_categories")),
    )
    seen: set[str] = set()

    def sound(text: bytes) -> list[str | None]:
        names = sound_names(text, context)
        if len({*names}) < len(names) or not seen.isdisjoint(names):
            raise msgspec.ValidationError("some stand twice")
        return [*names]

    def check(raw: RawImage) -> None:
        _check_one(raw, context, seen, tally)

    for name in layout.images(sound, check):
        tally.images += 1
        if name is not None:
            seen.add(name)


def _decoded_fields(layout: Layout, tally: _Tally) -> Iterator[tuple[str, Any]]:
    for name, raw in layout.fields.items():
        try:
            yield name, msgspec.json.decode(raw)
        except DECODE_ERRORS as error:
            pointer, reason = locate(error)
            tally.add(Fault(severity=Severity.ERROR, message=reason, pointer=f"/{name}{pointer}"))


def _version(info: object) -> versions.Version:
    if not isinstance(info, Mapping):
        return versions.OLDEST
    try:
        return versions.read_version(info)
    except ValueError:
        return versions.OLDEST


def _ids(categories: object) -> frozenset[str]:
    return frozenset(categories) if isinstance(categories, dict) else frozenset()


def _check_one(raw: RawImage, context: Context, seen: set[str], tally: _Tally) -> None:
    name = None
    try:
        image = msgspec.json.decode(raw.json)
    except DECODE_ERRORS as error:
        pointer, reason = locate(error)
        findings = [Finding(Severity.ERROR, pointer, reason)]
    else:
        name = _name(image)
        findings = [*check_image(image, context), *_check_duplicate(name, seen)]
    for found in findings:
        tally.add(
            Fault(
                severity=found.severity,
                message=found.message,
                pointer=f"/images/{raw.index}{found.pointer}",
                index=raw.index,
                file=name,
                line=raw.line,
            )
        )


def _name(image: object) -> str | None:
    name = image.get("file") if isinstance(image, dict) else None
    return name if isinstance(name, str) else None


def _check_duplicate(name: str | None, seen: set[str]) -> Iterator[Finding]:
    if name is None:
        return
    if name in seen:
        yield Finding(Severity.ERROR, "/file", "another image before it has the same name")
    seen.add(name)
