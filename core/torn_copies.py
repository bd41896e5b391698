"""Mending the folder of a job that was copied while the job went on, and restored from that copy.

Copying takes its time: a copy may hold a file and lack one that had stood before it. What rests on
something that is missing is deleted here, and is made again. Where our storage is no copy nothing
is, for files are written after what they rest on.
"""

import msgspec

from core.jobs import FinalRecord
from core.storage import Storage


class _Planned(msgspec.Struct):
    """What is looked at in a plan."""

    shards: int


class TornCopies:
    """The job folders of one storage.

    Each method raises JobFolderTrouble when it does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def mend_lists(self, job_id: str) -> list[str]:
        """See that each image list stands behind all that come before it, and a plan behind all.

        Returns the paths of what was deleted for it. For the one who plans the job.
        """
        folder, plan = f"jobs/{job_id}/images/", f"jobs/{job_id}/plan.json"
        names = self._storage.names(folder)
        planned = self._planned(plan)
        whole = self._unbroken(folder, names, planned)
        torn = [plan] if planned > whole else []
        torn += [folder + name for name in names if name > _name(whole)]
        for path in torn:
            self._storage.delete(path)
        return torn

    def _planned(self, plan: str) -> int:
        """How many image lists the plan has; 0 where there is none."""
        try:
            return msgspec.json.decode(self._storage.read(plan), type=_Planned).shards
        except FileNotFoundError:
            return 0

    def _unbroken(self, folder: str, names: list[str], planned: int) -> int:
        """How many image lists there are without a gap, from the first."""
        listed = set(names)
        known = max(planned, int(names[-1][:7]) + 1 if names else 0)
        for index in range(known):
            # A listing may pass by what is written meanwhile, so it is not taken at its word.
            if _name(index) not in listed and not self._storage.exists(folder + _name(index)):
                return index
        return known

    def has_files(self, final: FinalRecord) -> bool:
        """Whether every file stands that the final record names."""
        return all(self._storage.exists(path) for path in final.paths)

    def take_back(self, final: FinalRecord) -> None:
        """The job has not ended: see `workers/recovery.py` for when this is so."""
        self.make_live(final.id)
        self._storage.delete(f"jobs/{final.id}/final.json")

    def job_ids(self) -> list[str]:
        """Ids of all jobs of which there is any file, in order."""
        return self._storage.folders("jobs/")

    def make_live(self, job_id: str) -> None:
        """Have the reaper look after a job that was accepted, and has no end."""
        if self._storage.exists(f"jobs/{job_id}/job.json"):
            self._storage.create(f"live/{job_id}", b"")


def _name(index: int) -> str:
    return f"{index:07d}.ndjson"
