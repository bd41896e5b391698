"""What retries read in another version than the listed one, noted in the job folder.

    jobs/{id}/changed/{index of the shard}-{digest}.json    names of such images

Several workers may run one shard, and each may find another version: all notes count.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from core.job_paths import part_path
from core.storage import Storage


class ChangedImages:
    """The notes of all jobs of one storage.

    Each method raises JobFolderTrouble when it does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def note(self, job_id: str, index: int, names: Sequence[str]) -> None:
        """Note such images of a shard, before its output is written."""
        data = msgspec.json.encode(names)
        digest = hashlib.sha256(data).hexdigest()
        self._storage.create(f"{part_path(job_id, 'changed')}{index:07d}-{digest}.json", data)

    def notes(self, job_id: str) -> dict[int, list[str]]:
        """The paths of all notes, by shard."""
        folder = part_path(job_id, "changed")
        notes: dict[int, list[str]] = {}
        for name in self._storage.names(folder):
            notes.setdefault(int(name[:7]), []).append(folder + name)
        return notes

    def read(self, note: str) -> list[str]:
        """The names of the images. Raises FileNotFoundError when the job is being deleted."""
        return msgspec.json.decode(self._storage.read(note), type=list[str])
