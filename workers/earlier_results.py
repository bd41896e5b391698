"""What succeeded in an earlier job, read from its job folder."""

from collections.abc import Callable, Iterator

import msgspec

from core.job_folder import JobFolder
from core.results.earlier import Success
from workers.reading import ListedAsRead
from workers.shard_output import file_name

_IMAGES_BEGIN, _IMAGES_END = b'"images": [', b"]"


class _Line(msgspec.Struct, frozen=True):
    """What is looked at in a line of the results."""

    file: str
    failure: str | None = None


_decoder = msgspec.json.Decoder(_Line)


def read_successes(
    folder: JobFolder, job_id: str, strip_prefix: str, on_each: Callable[[], None]
) -> Iterator[Success]:
    """What succeeded in a job that has ended, in list order; memory holds one shard.

    The results hold the image list in its order, or where the job ended early whole shards of it.
    `strip_prefix` is that job's. Raises FileNotFoundError when the job is being deleted.
    """
    final = folder.read_final(job_id)
    lines = _image_lines(folder, final.results) if final.results else iter(())
    line = next(lines, None)
    told = line and _decoder.decode(line)
    lists = ListedAsRead(folder, job_id)
    for index in range(folder.count_image_lists(job_id)):
        on_each()
        for image in lists.images(index):
            if not line or not told or told.file != file_name(image, strip_prefix):
                continue
            if told.failure is None:
                yield Success(image, line)
            line = next(lines, None)
            told = line and _decoder.decode(line)


def _image_lines(folder: JobFolder, path: str) -> Iterator[bytes]:
    """The lines of the images in a results file of ours, without the commas between them."""
    begun, rest = False, b""
    for piece in folder.results_pieces(path, 0, folder.results_size(path)):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line == _IMAGES_END:
                return
            if begun:
                yield line.removesuffix(b",")
            begun = begun or line == _IMAGES_BEGIN
