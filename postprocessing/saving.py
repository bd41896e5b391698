"""Writes what a tool has made of a results file: in its version, with all that it does not know."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.errors import InvalidRequest
from core.replacing import whole_file
from core.results.format import ImageResult
from core.results.reader import Results
from core.results.versions import WITH_FAILURES, encode_in_version
from core.results.writer import ResultsWriter, Written


def save_like(
    results: Results,
    target: Path,
    images: Iterable[ImageResult],
    *,
    info: Mapping[str, Any] | None = None,
    categories: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Written:
    """Write `images` to `target`, with whatever else `results` holds, in the version of `results`.

    The file appears when it is whole. Raises InvalidRequest where it would replace `results`.
    """
    refuse_input(target, results.path)
    # Failures of a file that calls itself 1.0 stay among the images: a tool loses none.
    version = max(results.version, WITH_FAILURES)
    with whole_file(target) as part, part.open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(
            results.info if info is None else info,
            results.detection_categories if categories is None else categories,
            results.extra if extra is None else extra,
        )
        for image in images:
            line = encode_in_version(image, version)
            assert line is not None, "1.0 alone leaves failures out"
            writer.write_line(line)
        return writer.end()


def refuse_input(target: Path, *inputs: Path) -> None:
    """Raises InvalidRequest where a file that is read would be replaced."""
    for path in inputs:
        if target.exists() and os.path.samefile(target, path):
            raise InvalidRequest(f"{target} is what is read; name another file for the output.")
