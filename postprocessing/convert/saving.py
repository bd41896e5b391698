"""Writes what a reader made of another program's file as a results file."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from core.replacing import whole_file
from core.results.format import FORMAT_VERSION, encode_image
from core.results.writer import ResultsWriter, Written
from postprocessing.convert.base import Imported


def save_imported(imported: Imported, target: Path, came_from: str) -> Written:
    """Write a results file in the newest version; it appears when it is whole.

    The names of categories are known at the end and stand at the beginning: the images wait in a
    file.
    """
    with tempfile.TemporaryFile() as waiting:
        for image in imported.images:
            waiting.write(encode_image(image) + b"\n")
        waiting.seek(0)
        with whole_file(target) as part, part.open("wb") as file:
            writer = ResultsWriter(file)
            writer.begin(_info(imported, came_from), _names(imported), _extra(imported))
            for line in _lines(waiting):
                writer.write_line(line)
            return writer.end()


def _lines(waiting: IO[bytes]) -> Iterator[bytes]:
    return (line[:-1] for line in waiting)


def _info(imported: Imported, came_from: str) -> dict[str, object]:
    own = imported.info.get("custom_metadata")
    told = {**(own if isinstance(own, dict) else {}), "converted_from": came_from}
    return {**imported.info, "format_version": FORMAT_VERSION, "custom_metadata": told}


def _names(imported: Imported) -> dict[str, str]:
    """Names of categories; those that say nothing are given a text, as 1.6 asks."""
    names = imported.categories.names().items()
    return {number: name if name.strip() else f"category {number}" for number, name in names}


def _extra(imported: Imported) -> dict[str, object]:
    extra = dict(imported.extra)
    if classes := imported.classes.names():
        extra["classification_categories"] = classes
    if imported.descriptions:
        extra["classification_category_descriptions"] = imported.descriptions
    return extra
