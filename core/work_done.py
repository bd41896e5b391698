"""What workers did for the shards of a job, noted in the job folder.

    jobs/{id}/work/{index of the shard}-{milliseconds}-{bytes}    empty

A note says how long a worker was at the shard's images, and how many bytes of them it read. Several
workers may run one shard, and all of them worked: all notes count.
"""

import re

from core.job_paths import part_path
from core.jobs import Work
from core.storage import Storage

# An operating system may leave files of its own in a folder.
_NOTE = re.compile(r"\d{7,}-(\d+)-(\d+)", re.ASCII)


class WorkDone:
    """The notes of all jobs of one storage.

    Each method raises JobFolderTrouble when it does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def note(self, job_id: str, index: int, work: Work) -> None:
        """Note the work on a shard, before its output is written; said again, it counts once."""
        name = f"{index:07d}-{round(1000 * work.seconds)}-{work.bytes}"
        self._storage.create(part_path(job_id, "work") + name, b"")

    def total(self, job_id: str) -> Work:
        """What all notes of a job add up to."""
        names = self._storage.names(part_path(job_id, "work"))
        found = [match for name in names if (match := _NOTE.fullmatch(name))]
        milliseconds = sum(int(match[1]) for match in found)
        return Work(milliseconds / 1000, sum(int(match[2]) for match in found))
