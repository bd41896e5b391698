"""Mending a storage that is a copy, made while jobs ran, before its service starts on it.

Copying takes its time: a copy may hold a file and lack one that had stood before it, or hold what
was deleted meanwhile. What rests on something that is missing is deleted here, and a job of which
the end is missing is live again, so that workers make anew what the copy lacks. Nothing here is for
a storage on which a service runs.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from core.config import Settings
from core.job_folder import JobFolder
from core.job_paths import JOBS, Part, file_path, live_path, number_of, part_path
from core.jobs import FinalRecord
from core.retention import KEPT_AFTER_END
from core.sealing import Sealer, new_secret_key
from core.storage import Storage, open_storage

#: What is made from an image list, or noted beside it, by the folder that it lies in.
_OF_LISTS: tuple[Part, ...] = ("shards", "kept", "changed", "work")

#: What becomes of a job: it goes on from what the copy has of it; it was deleted, and what is left
#: of it goes; files of its end are missing, and it cannot be done again; its files are damaged.
Outcome = Literal["goes on", "is deleted", "has lost its results", "is damaged"]


class Mending:
    """The jobs of one storage. Whatever is done here can be done again."""

    def __init__(self, storage: Storage, now: datetime) -> None:
        self._storage, self._now = storage, now
        # Nothing secret is opened here, so any key does.
        self._folder = JobFolder(storage, Sealer((new_secret_key(),)))
        self._retention = self._folder.retention

    def run(self) -> Iterator[tuple[str, Outcome]]:
        """The id of each job that has not ended, or is none any more, and what becomes of it.

        Memory holds what is due of all jobs. Raises JobFolderTrouble.
        """
        due = self._retention.due_of_each()
        for job_id in self._storage.folders(JOBS):
            try:
                outcome = self._mend(job_id, due.get(job_id, []))
            except ValueError:  # what a file holds cannot be read
                outcome = "is damaged"
            if outcome:
                yield job_id, outcome

    def _mend(self, job_id: str, due: list[str]) -> Outcome | None:
        if self._is_deleted(job_id):
            self._folder.retire(job_id)
            return "is deleted"
        if not self._storage.exists(file_path(job_id, "job.json")):
            return self._sweep(job_id)
        final = self._final(job_id)
        if final is None:
            return self._make_live(job_id, due)
        if all(self._storage.exists(path) for path in final.paths):
            # The copy may lack what was noted after the end.
            self._retention.schedule(self._folder.read_shown(job_id), final)
            return None
        if self._may_be_merged(final):
            return self._make_live(job_id, due)
        return "has lost its results"

    def _is_deleted(self, job_id: str) -> bool:
        """Whether the cleaner will find what is left of the job."""
        tombstone = self._retention.tombstone(job_id)
        if tombstone:
            self._retention.sweep_again(job_id, tombstone)
        return bool(tombstone) or self._retention.is_sweeping(job_id)

    def _sweep(self, job_id: str) -> Outcome | None:
        """What is left of a job whose deletion had begun; that starts with its `job.json`."""
        if self._storage.exists(live_path(job_id)):
            return None  # it was being submitted
        for _ in self._folder.sweep_job(job_id):
            pass
        return "is deleted"

    def _final(self, job_id: str) -> FinalRecord | None:
        try:
            return self._folder.read_final(job_id)
        except FileNotFoundError:
            return None

    def _may_be_merged(self, final: FinalRecord) -> bool:
        """Whether what a job was merged from is still kept, or soon to be made again."""
        recent = final.finished_at > self._now - KEPT_AFTER_END
        return recent or bool(self._folder.shard_outputs(final.id))

    def _make_live(self, job_id: str, due: list[str]) -> Outcome:
        """Have the reaper bring the job back: it has not ended."""
        self._mend_lists(job_id)
        self._storage.create(live_path(job_id), b"")
        for path in (*due, file_path(job_id, "final.json")):
            self._storage.delete(path)
        return "goes on"

    def _mend_lists(self, job_id: str) -> None:
        """Have the job listed again from the first image list that is missing, if one is."""
        names = self._storage.names(part_path(job_id, "images"))
        whole = next((n for n, name in enumerate(names) if number_of(name) != n), len(names))
        try:
            if self._folder.read_plan(job_id).shards <= whole:
                return
        except FileNotFoundError:
            pass  # it was being listed
        for part in _OF_LISTS:
            self._delete_from(part_path(job_id, part), whole)
        self._storage.delete(file_path(job_id, "plan.json"))
        self._delete_from(part_path(job_id, "images"), whole)

    def _delete_from(self, folder: str, index: int) -> None:
        """Delete what belongs to the shard of this index, or to a later one."""
        for name in self._storage.names(folder):
            if number_of(name) >= index:
                self._storage.delete(folder + name)


def open_mending(settings: Settings, now: datetime) -> Mending:
    """The storage that the settings name."""
    return Mending(open_storage(settings), now)
