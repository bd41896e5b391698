"""The results file of a local run, from its journal; memory holds one shard."""

import gzip
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from core.image_list import ListedImage
from core.replacing import replace
from core.results.format import ImageResult, decode_image
from core.results.reader import Results
from core.results.writer import ResultsWriter
from detection.local.earlier import files_path
from detection.local.journal import Journal, Plan

_encoder = msgspec.json.Encoder()


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What the results file holds."""

    images: int
    #: Failed images, by code.
    failures: dict[str, int]
    #: Images with a detection of the category above the threshold that people start with.
    found: dict[str, int]
    #: Images with none of any.
    empty: int


class _Count:
    """Counts what the results say."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self.failures, self.found = Counter[str](), Counter[str]()
        self.images = self.empty = 0

    def add(self, image: ImageResult) -> None:
        self.images += 1
        if image.failure is not None:
            self.failures[image.failure.rpartition(" ")[2]] += 1
            return
        seen = {one.category for one in image.detections or () if one.conf > self._threshold}
        self.found.update(seen)
        self.empty += not seen

    @property
    def merged(self) -> Merged:
        return Merged(
            images=self.images,
            failures=dict(self.failures),
            found=dict(self.found),
            empty=self.empty,
        )


def merge(
    journal: Journal,
    plan: Plan,
    output: Path,
    info: Mapping[str, Any],
    categories: Mapping[str, str],
) -> Merged:
    """Write the results file, and beside it what its images were like; each whole or not at all.

    Raises InvalidResults where the journal is damaged, and OSError where the disk is full.
    """
    count = _Count(info["detector_metadata"]["typical_detection_threshold"])
    part, files_part = _part(output), _part(files_path(output))
    try:
        with part.open("wb") as file, _synced_gzip(files_part) as files:
            writer = ResultsWriter(file)
            writer.begin(info, categories)
            files.write(_encoder.encode(journal.settings) + b"\n")
            for index in range(plan.shards):
                lines = journal.lines(index)
                for line in lines:
                    count.add(decode_image(line))
                writer.write_lines(lines)
                files.write(
                    _encoder.encode_lines([_as_it_was(one) for one in journal.images(index)])
                )
            writer.end()
            file.flush()
            os.fsync(file.fileno())
        # In this order: beside a list of files that is older than the results, images count as
        # changed; beside one that is younger, some that have changed would not.
        replace(part, output)
        replace(files_part, files_path(output))
    finally:
        part.unlink(missing_ok=True)
        files_part.unlink(missing_ok=True)
    return count.merged


def merged_before(results: Results, threshold: float) -> Merged:
    """What results hold that a run before has written. Raises InvalidResults.

    `threshold`: what people start with.
    """
    count = _Count(threshold)
    for image in results.images():
        count.add(image)
    return count.merged


@contextmanager
def _synced_gzip(path: Path) -> Iterator[gzip.GzipFile]:
    """A file to write; it is on the disk at the end."""
    with path.open("wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as compressed:
            yield compressed
        file.flush()
        os.fsync(file.fileno())


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _as_it_was(image: ListedImage) -> ListedImage:
    return ListedImage(image.name, size=image.size, etag=image.etag)
