"""Which files of one's own a job's detectors were loaded from, noted in the job folder.

    jobs/{id}/weights/{SHA-256 of the file}    empty

Only whoever loads such a file can tell which it is, and several workers may have different ones
under one name: all notes count.
"""

from core.job_paths import part_path
from core.storage import Storage


class UsedWeights:
    """The notes of all jobs of one storage.

    Each method raises JobFolderTrouble when it does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def note(self, job_id: str, sha256: str) -> None:
        """Note the weights of a shard, before its output is written."""
        self._storage.create(part_path(job_id, "weights") + sha256, b"")

    def noted(self, job_id: str) -> list[str]:
        """The SHA-256 of each, in order."""
        return sorted(self._storage.names(part_path(job_id, "weights")))
