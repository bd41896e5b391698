"""The files that one merge writes side by side: the results, what failed, the image list."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import msgspec

from core.download_names import download_name
from core.image_list import ListedImage
from core.job_folder import JobFolder
from core.jobs import AcceptedJob, FileKind, StoredFile, utc_now
from core.results.rewriting import line_in_version
from core.results.versions import NEWEST, Version, info_in_version, known_version
from core.results.writer import LinesWriter, ListWriter, ResultsWriter

_encoder = msgspec.json.Encoder()
_Writer = TypeVar("_Writer", bound=LinesWriter)


class ShardLines(msgspec.Struct, frozen=True):
    """What a proven shard adds to each file."""

    #: Its output.
    results: list[bytes]
    names: list[bytes]
    failed: list[bytes]
    #: The output in the version that was asked for; empty where that is the newest.
    converted: list[bytes]


def lines_of(
    output: bytes, images: Sequence[ListedImage], failed: Sequence[int], version: Version
) -> ShardLines:
    """The lines of a proven output. `failed`: positions of the images that failed."""
    results = _split(output)
    names = _split(_encoder.encode_lines([_entry(image) for image in images]))
    entries = _split(_encoder.encode_lines([_entry(images[n]) for n in failed]))
    if version == NEWEST:
        return ShardLines(results, names, entries, [])
    converted = [line for line in (line_in_version(one, version) for one in results) if line]
    return ShardLines(results, names, entries, converted)


def _entry(image: ListedImage) -> str | list[str]:
    """An image as the `images` of a new job may hold it."""
    # By its whole name, also where `strip_prefix` shortens it: a new job must find it.
    return image.name if image.meta is None else [image.name, image.meta]


def _split(lines: bytes) -> list[bytes]:
    return lines.split(b"\n")[:-1]


class MergedFiles:
    """The files of one merge while they are written: `begin`, shards, `end`."""

    def __init__(self, folder: JobFolder, job: AcceptedJob, sinks: ExitStack) -> None:
        """`sinks` closes what is opened here."""
        self._folder, self._job, self._sinks = folder, job, sinks
        self._token, self._now = secrets.token_hex(8), utc_now()
        self._written: dict[LinesWriter, str] = {}
        self.version = known_version(job.request.format_version)
        self._results = self._open(ResultsWriter, FileKind.RESULTS)
        self._names = self._open(ListWriter, FileKind.IMAGE_LIST, "image_list")
        self._failed = self._open(ListWriter, FileKind.FAILED_IMAGES, "failed_images")
        self._converted = None
        if self.version != NEWEST:
            part = job.request.format_version
            self._converted = self._open(ResultsWriter, FileKind.RESULTS, part)

    def begin(self, info: Mapping[str, Any], categories: Mapping[str, str]) -> None:
        self._results.begin(info, categories)
        self._names.begin()
        self._failed.begin()
        if self._converted:
            self._converted.begin(info_in_version(info, self.version), categories)

    def write(self, lines: ShardLines) -> None:
        """Add a shard to each file."""
        self._results.write_lines(lines.results)
        self._names.write_lines(lines.names)
        self._failed.write_lines(lines.failed)
        if self._converted:
            self._converted.write_lines(lines.converted)

    def end(self) -> tuple[StoredFile, dict[FileKind, StoredFile]]:
        """The results in the newest version, and what is handed out."""
        results = self._end(self._results)
        return results, {
            FileKind.RESULTS: self._end(self._converted) if self._converted else results,
            FileKind.FAILED_IMAGES: self._end(self._failed),
            FileKind.IMAGE_LIST: self._end(self._names),
        }

    def _open(self, writer: type[_Writer], kind: FileKind, part: str = "") -> _Writer:
        path = self._folder.results_path(self._job.id, self._token, part)
        name = download_name(self._job.id, self._job.request.name, self._now, kind)
        opened = writer(self._sinks.enter_context(self._folder.results_writer(path, name)))
        self._written[opened] = path
        return opened

    def _end(self, writer: LinesWriter) -> StoredFile:
        written = writer.end()
        return StoredFile(self._written[writer], written.size, written.digest)


@contextmanager
def merged_files(folder: JobFolder, job: AcceptedJob) -> Iterator[MergedFiles]:
    """New files of a merge. They appear when the block ends without an error."""
    with ExitStack() as sinks:
        yield MergedFiles(folder, job, sinks)
