"""Converts results in tests, there and back."""

from pathlib import Path
from typing import Any

from core.results.format import ImageResult
from core.results.reader import Results, open_results
from core.results.rewriting import save_results
from core.results.validator import validate
from postprocessing.convert.base import Notes, Options
from postprocessing.convert.formats import convert_from, convert_to
from postprocessing.thresholds import Threshold

ALL = Threshold(-2.0, "all")


def above(value: float) -> Threshold:
    return Threshold(value, "given")


def to(name: str, results: Results, target: Path, **options: Any) -> dict[str, int]:
    """Write `target`; returns what was told."""
    notes = Notes()
    convert_to(name, results, target, Options(**options), notes)
    return dict(notes.counts)


def back(name: str, source: Path, **options: Any) -> tuple[Results, dict[str, int]]:
    """The results that are made of `source`, which are valid, and what was told."""
    notes = Notes()
    target = source.parent / "back.json"
    convert_from(name, source, target, Options(**options), notes)
    assert [str(fault) for fault in validate(target).faults if fault.severity == "error"] == []
    return open_results(target), dict(notes.counts)


def save(path: Path, images: list[ImageResult], **top: Any) -> Results:
    """A results file of these images."""
    info = {"format_version": "1.6", "detector": "md_v5a.0.0.pt"}
    names = {"1": "animal", "2": "person", "3": "vehicle"}
    save_results(path, images, info=info, categories=names, extra=top)
    return open_results(path)
