"""Taking results over from an earlier job: the parent of a retry, or the previous job.

The planner writes the lines that a shard takes over (`kept/`), and only then its image list, which
marks their images. The image list decides: a line counts only where it marks the image, so that it
does not matter who wrote the lines, and whether an image list followed. An image that is marked and
has no line is processed like any other.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from core.containers.listing import Page
from core.errors import ContainerError
from core.image_list import ListedImage, decode_image_list
from core.job_folder import JobFolder
from core.job_store import Tally
from core.jobs import AcceptedJob, JobRequest
from core.results.earlier import EarlierResults
from workers.earlier_results import read_successes
from workers.reading import ListedAsRead
from workers.shard_output import file_name, tally_of, weave

logger = logging.getLogger(__name__)


class _Line(msgspec.Struct, frozen=True):
    file: str


_decoder = msgspec.json.Decoder(_Line)


class ParentList:
    """The image lists of the job whose failed images are tried again: a page for each."""

    def __init__(self, folder: JobFolder, parent: str) -> None:
        """Raises ContainerError when that job was deleted."""
        self._parent = parent
        try:
            self._plan = folder.read_plan(parent)
        except FileNotFoundError as error:
            raise _deleted(parent) from error
        self._lists = ListedAsRead(folder, parent)
        self.duplicates = self._plan.duplicates

    def pages(self, marker: str | None) -> Iterator[Page]:
        """The pages from the one of `marker` on. A page's marker is the index of its shard."""
        for index in range(int(marker or 0), self._plan.shards):
            last = index == self._plan.shards - 1
            yield Page(
                images=self._images(index),
                marker=str(index),
                last=last,
                skipped=self._plan.skipped if last else {},
            )

    def _images(self, index: int) -> list[ListedImage]:
        try:
            return self._lists.images(index)
        except FileNotFoundError as error:
            raise _deleted(self._parent) from error


def unfiltered(request: JobRequest) -> JobRequest:
    """What a retry asks for: its images were chosen when those of its parent were."""
    return msgspec.structs.replace(request, prefix="", first_n=None, sample_n=None)


def _deleted(parent: str) -> ContainerError:
    return ContainerError(
        f"The job {parent} was deleted, and the list of its images with it; submit the container.",
        code="parent_deleted",
    )


class TakingOver:
    """What one planner takes over for one job: nothing, where that names no earlier one."""

    def __init__(self, folder: JobFolder, job: AcceptedJob, on_each: Callable[[], None]) -> None:
        """`on_each` is called at every step of a long work."""
        self._folder, self._job, self._on_each = folder, job, on_each
        self._results: EarlierResults | None = None
        #: SHA-256 of the files that the earlier results come from, until this job notes them, too.
        self._weights: list[str] = []

    def begin(self) -> None:
        """Read the earlier results.

        Raises ContainerError when the parent was deleted. Where the previous job was, all images
        are processed.
        """
        earlier = self._job.parent or self._job.request.previous_job
        if earlier is None:
            return
        try:
            self._results = self._read(earlier)
            self._weights = self._folder.weights.noted(earlier)
        except FileNotFoundError as error:
            if self._job.parent:
                raise _deleted(self._job.parent) from error
            logger.warning(
                "%s: its previous job %s is gone; every image is processed", self._job.id, earlier
            )

    def _read(self, earlier: str) -> EarlierResults:
        results = EarlierResults()
        strip_prefix = self._job.request.strip_prefix  # the same as of the earlier job
        try:
            for success in read_successes(self._folder, earlier, strip_prefix, self._on_each):
                results.add(success)
        except BaseException:
            results.close()
            raise
        return results

    def mark(self, index: int, images: list[ListedImage]) -> list[ListedImage]:
        """The images of a shard as they are to be listed, once the lines that it takes over stand.

        Another planner may have written lines before: then those stand, and no others count.
        """
        lines = self._lines_of(images)
        if lines:
            data = b"".join(line + b"\n" for line in lines.values())
            standing = _by_file(self._folder.write_kept(self._job.id, index, data))
            taken = {name for name in lines if self._file(name) in standing}
            while self._weights:
                self._folder.weights.note(self._job.id, self._weights.pop())
        else:
            taken = set()
        return [msgspec.structs.replace(image, kept=image.name in taken) for image in images]

    def finish(self, index: int) -> Tally | None:
        """Write the output of a shard that is taken over whole; None of any other shard."""
        images = decode_image_list(self._folder.read_image_list(self._job.id, index))
        kept = kept_lines(self._folder, self._job.id, index, images)
        if len(kept) < len(images):
            return None
        output = weave(images, kept, b"")
        standing = self._folder.write_shard_output(self._job.id, index, output)
        return tally_of(standing, kept=len(images))

    def close(self) -> None:
        """Give the room for the earlier results back."""
        if self._results:
            self._results.close()

    def _lines_of(self, images: Iterable[ListedImage]) -> dict[str, bytes]:
        """Name to line, of what can be taken over."""
        if self._results is None:
            return {}
        # What a retry leaves alone is what its parent listed, so there is nothing to compare.
        same_version = self._job.parent is None
        lines = {i.name: self._results.line_of(i, same_version=same_version) for i in images}
        return {name: line for name, line in lines.items() if line is not None}

    def _file(self, name: str) -> str:
        return name.removeprefix(self._job.request.strip_prefix)


def kept_lines(
    folder: JobFolder, job_id: str, index: int, images: Sequence[ListedImage]
) -> dict[str, bytes]:
    """Name to line, of the images of a shard that are taken over."""
    marked = [image for image in images if image.kept]
    if not marked:
        return {}
    try:
        standing = _by_file(folder.read_kept(job_id, index))
    except FileNotFoundError:
        return {}
    strip_prefix = folder.read_shown(job_id).request.strip_prefix
    files = {image.name: file_name(image, strip_prefix) for image in marked}
    return {name: standing[file] for name, file in files.items() if file in standing}


def _by_file(lines: bytes) -> Mapping[str, bytes]:
    return {_decoder.decode(line).file: line for line in lines.split(b"\n")[:-1]}
