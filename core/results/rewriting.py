"""Writes results files anew: changed by a tool, or in an older version of the format."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.replacing import whole_file
from core.results.format import ImageResult, decode_image, encode_image
from core.results.reader import Results
from core.results.versions import Version, encode_in_version, failed_entry, info_in_version
from core.results.writer import ResultsWriter, Sink, Written


def save_results(
    path: Path,
    images: Iterable[ImageResult],
    *,
    info: Mapping[str, Any],
    categories: Mapping[str, str],
    extra: Mapping[str, Any] | None = None,
) -> Written:
    """Write a results file at `path`, in place of what is there once it stands whole.

    So `images` may come from the very file that is replaced. `extra`: further top-level fields.
    """
    with whole_file(path) as part, part.open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(info, categories, extra)
        for image in images:
            writer.write_line(encode_image(image))
        return writer.end()


def write_version(results: Results, sink: Sink, version: Version) -> Written:
    """Write the results in a version of the format. 1.0 leaves out what `failed_images` gives."""
    writer = ResultsWriter(sink)
    writer.begin(
        info_in_version(results.info, version), results.detection_categories, results.extra
    )
    for image in results.images():
        line = encode_in_version(image, version)
        if line is not None:
            writer.write_line(line)
    return writer.end()


def line_in_version(line: bytes, version: Version) -> bytes | None:
    """A line that `encode_image` made, in a version of the format; None where it leaves it out."""
    return encode_in_version(decode_image(line), version)


def failed_images(results: Results) -> Iterator[str | list[str]]:
    """The failed images as 1.0 lists them, apart from the results: name, or name and `meta`."""
    return (failed_entry(image) for image in results.images() if image.failure is not None)
