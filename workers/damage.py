"""Ending a job of which files in our storage cannot be read, however often it was tried."""

import logging
from contextlib import suppress

from core.errors import Unavailable
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import FinalRecord
from workers.final_record import damaged_record

logger = logging.getLogger(__name__)


class Damage:
    """What of a job cannot be read, and is left out of its results."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._found: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def note(self, what: str) -> None:
        logger.error("%s: %s cannot be read", self._job_id, what)
        self._found.append(what)

    @property
    def reason(self) -> str:
        """What the job is told; empty where all could be read."""
        if not self._found:
            return ""
        more = f" (and {len(self._found) - 1} more)" if len(self._found) > 1 else ""
        return (
            f"job_damaged: {self._found[0]}{more} cannot be read in our storage, and what rests on "
            "it is not in the results. Submit the job again; with `previous_job`, what is in these "
            "results is taken over."
        )


def has_records(folder: JobFolder, job_id: str) -> bool:
    """Whether the records of a job can be read, as far as there are any."""
    try:
        folder.read_job(job_id)
        with suppress(FileNotFoundError):
            folder.read_final(job_id)
    except ValueError as error:
        logger.error("%s: its records cannot be read: %s", job_id, error)
        return False
    return True


def end_without_results(folder: JobFolder, store: JobStore, job_id: str) -> FinalRecord:
    """Commit the end of a job that has no records; the record that counts."""
    job = store.get(job_id)
    if job is None:
        raise Unavailable(f"The job {job_id} is being restored.")
    final = damaged_record(job)
    try:
        return folder.write_final(final)
    except ValueError:
        return final  # the one that stands is what cannot be read
