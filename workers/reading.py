"""Which version of an image is read: the listed one, or in a retry also the one that is there now.

A retry keeps the ETags of its parent's list, so that a later job can take over what it found. What
it read in another version than the listed one it notes beside its image list (`changed/`), before
its output is written: a result without such a note is of the version that was listed.
"""

import threading

import msgspec

from core.containers.listing import Container
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage, decode_image_list
from core.job_folder import JobFolder


class Reading:
    """Reads the images of one shard. Threads share it."""

    def __init__(self, container: Container, *, any_version: bool) -> None:
        """`any_version`: an image that changed since it was listed is read as it is now."""
        self._container, self._any_version = container, any_version
        #: Names of the images that were read as they are now.
        self.changed: list[str] = []
        #: Bytes of all images that were read.
        self.bytes = 0
        self._lock = threading.Lock()

    def read(self, image: ListedImage) -> bytes | ImageFailure:
        """See `Container.read`."""
        answer = self._read(image)
        if not isinstance(answer, ImageFailure):
            with self._lock:
                self.bytes += len(answer)
        return answer

    def _read(self, image: ListedImage) -> bytes | ImageFailure:
        if not self._any_version:
            return self._container.read(image)
        # Without its size: what was listed as too large may have been made smaller.
        image = msgspec.structs.replace(image, size=None)
        answer = self._container.read(image)
        if answer != ImageFailure(FailureCode.CHANGED):
            return answer
        self.changed.append(image.name)
        return self._container.read(msgspec.structs.replace(image, etag=None))


class ListedAsRead:
    """The image lists of an earlier job, each image with the version that was read."""

    def __init__(self, folder: JobFolder, job_id: str) -> None:
        self._folder, self._job_id = folder, job_id
        self._notes = folder.changed.notes(job_id)

    def images(self, index: int) -> list[ListedImage]:
        """The images of a shard; without size and ETag what was read in another version.

        Raises FileNotFoundError when the job is being deleted.
        """
        images = decode_image_list(self._folder.read_image_list(self._job_id, index))
        notes = self._notes.get(index, ())
        changed = {name for note in notes for name in self._folder.changed.read(note)}
        return [
            msgspec.structs.replace(image, size=None, etag=None) if image.name in changed else image
            for image in images
        ]
