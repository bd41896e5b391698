"""What became of each delivery: a file for each try in the job folder, and nothing of the URL.

    jobs/{id}/webhooks/{webhook-id}.{number of the try}.json
    jobs/{id}/webhooks/disabled      its receiver answered 410: it is told nothing more

The log is the truth; what is still to be delivered lies in Redis (`core/delivery_queue.py`).
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from core.job_paths import part_path
from core.storage import Storage
from core.webhooks import Attempt, Delivery

_DISABLED = "disabled"
# Files are small, and a storage in the cloud takes its time for each.
_READERS = 8
#: Of an event that happens again and again, so many of the newest are shown.
_MOST_SHOWN = 20


class Deliveries(msgspec.Struct, frozen=True):
    """All that is known of what a job's webhook was told."""

    attempts: Sequence[Attempt]
    disabled: bool


class WebhookLog:
    """The logs of all jobs of one storage.

    Each method raises JobFolderTrouble when it does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def last_attempt(self, delivery: Delivery) -> Attempt | None:
        """The last try of this delivery so far."""
        start = f"{delivery.id}."
        names = [name for name in self._names(delivery.job_id) if name.startswith(start)]
        return self._read(delivery.job_id, names[-1]) if names else None

    def write(self, job_id: str, attempt: Attempt) -> None:
        """Note a try. Of two with one number, the first one stands."""
        path = f"{_folder(job_id)}{attempt.id}.{attempt.number:02d}.json"
        self._storage.create(path, msgspec.json.encode(attempt))

    def disable(self, job_id: str) -> None:
        """Tell this job's webhook nothing more."""
        self._storage.create(_folder(job_id) + _DISABLED, b"")

    def is_disabled(self, job_id: str) -> bool:
        return self._storage.exists(_folder(job_id) + _DISABLED)

    def forget(self, job_id: str) -> None:
        """Delete all of it: the job was deleted."""
        while self._storage.delete_some(_folder(job_id)):
            pass

    def read(self, job_id: str) -> Deliveries:
        """The tries of a job, in no order; of each event those of the newest twenty deliveries."""
        names = self._names(job_id)
        shown = list(_shown(name for name in names if name != _DISABLED))
        with ThreadPoolExecutor(_READERS, thread_name_prefix="webhooks") as pool:
            attempts = pool.map(lambda name: self._read_or_none(job_id, name), shown)
        return Deliveries([one for one in attempts if one], _DISABLED in names)

    def _names(self, job_id: str) -> list[str]:
        return self._storage.names(_folder(job_id))

    def _read_or_none(self, job_id: str, name: str) -> Attempt | None:
        try:
            return self._read(job_id, name)
        except FileNotFoundError:
            return None  # the job is being deleted

    def _read(self, job_id: str, name: str) -> Attempt:
        return msgspec.json.decode(self._storage.read(_folder(job_id) + name), type=Attempt)


def _folder(job_id: str) -> str:
    return part_path(job_id, "webhooks")


def _shown(names: Iterable[str]) -> Iterable[str]:
    numbered = [(name.partition(".")[0].rpartition("_"), name) for name in names]
    newest: dict[str, int] = {}
    for (event, _, number), _name in numbered:
        newest[event] = max(newest.get(event, 0), int(number))
    for (event, _, number), name in numbered:
        if int(number) > newest[event] - _MOST_SHOWN:
            yield name
