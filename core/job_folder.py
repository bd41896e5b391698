"""Every name, and every read and write, of a job's own files in our storage.

What must stand once is written create-only: the first writer wins, and a later one is given what
the winner wrote. A missing file is FileNotFoundError; any other trouble is JobFolderTrouble.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager

import msgspec

from core.config import Settings
from core.image_list import ImageListHeader, decode_header
from core.job_record import decode_job, encode_job
from core.jobs import AcceptedJob, FinalRecord
from core.secrets import Sealer
from core.storage import Storage, Writer, open_storage

_ID = re.compile(r"[0-9a-f]{32}")


class Plan(msgspec.Struct, frozen=True):
    """The end of the chain of image lists, `plan.json`: without it listing is not over."""

    images: int
    shards: int
    duplicates: int = 0
    skipped: dict[str, int] = {}


class JobFolder:
    """The job folders of one storage."""

    def __init__(self, storage: Storage, sealer: Sealer) -> None:
        self._storage = storage
        self._sealer = sealer

    # The acceptance.

    def accept(self, job: AcceptedJob) -> None:
        """Write `live/{id}`, then `job.json`: from then on the job will be done."""
        record = encode_job(job, self._sealer)
        self._storage.create(f"live/{job.id}", b"")
        self._storage.create(f"jobs/{job.id}/job.json", record)

    def read_job(self, job_id: str) -> AcceptedJob:
        """The job with its secrets opened. Raises FileNotFoundError."""
        return decode_job(self._storage.read(f"jobs/{job_id}/job.json"), self._sealer)

    def live_ids(self) -> list[str]:
        """Ids of jobs that were accepted, or nearly, and have not ended."""
        return [name for name in self._storage.names("live/") if _ID.fullmatch(name)]

    def retire(self, job_id: str) -> None:
        """The job has ended: it is no longer compared with Redis."""
        self._storage.delete(f"live/{job_id}")

    def mark_cancelled(self, job_id: str) -> None:
        """Keep the wish to cancel, so that it outlives Redis."""
        self._storage.create(f"jobs/{job_id}/cancelled", b"")

    def forget_cancelling(self, job_id: str) -> None:
        """The wish came too late."""
        self._storage.delete(f"jobs/{job_id}/cancelled")

    def is_cancelled(self, job_id: str) -> bool:
        return self._storage.exists(f"jobs/{job_id}/cancelled")

    # Image lists and the plan.

    def write_image_list(self, job_id: str, index: int, data: bytes) -> bytes:
        """What stands as the image list of this shard: `data`, or what came before it."""
        return self._storage.create(f"jobs/{job_id}/images/{index:07d}.ndjson", data)

    def read_image_list(self, job_id: str, index: int) -> bytes:
        return self._storage.read(f"jobs/{job_id}/images/{index:07d}.ndjson")

    def count_image_lists(self, job_id: str) -> int:
        """How many image lists there are: they are written in order, so the last is known too."""
        return len(self._indices(f"jobs/{job_id}/images/"))

    def read_header(self, job_id: str, index: int) -> ImageListHeader:
        return decode_header(self.read_image_list(job_id, index))

    def write_plan(self, job_id: str, plan: Plan) -> Plan:
        data = self._storage.create(f"jobs/{job_id}/plan.json", msgspec.json.encode(plan))
        return msgspec.json.decode(data, type=Plan)

    def read_plan(self, job_id: str) -> Plan:
        return msgspec.json.decode(self._storage.read(f"jobs/{job_id}/plan.json"), type=Plan)

    # Shard outputs.

    def write_shard_output(self, job_id: str, index: int, data: bytes) -> bytes:
        """What stands as the output of this shard: `data`, or what came before it."""
        return self._storage.create(f"jobs/{job_id}/shards/{index:07d}.ndjson", data)

    def read_shard_output(self, job_id: str, index: int) -> bytes:
        return self._storage.read(f"jobs/{job_id}/shards/{index:07d}.ndjson")

    def shard_outputs(self, job_id: str) -> list[int]:
        """Indices of the shard outputs there are, in order."""
        return self._indices(f"jobs/{job_id}/shards/")

    def delete_shard_output(self, job_id: str, index: int) -> None:
        self._storage.delete(f"jobs/{job_id}/shards/{index:07d}.ndjson")

    # Results and the final record.

    def results_path(self, job_id: str, token: str) -> str:
        return f"jobs/{job_id}/results/{token}.json"

    def results_writer(self, path: str) -> AbstractContextManager[Writer]:
        """A new results file; it appears when the block ends without an error."""
        return self._storage.writer(path)

    def results_size(self, path: str) -> int:
        """Bytes of a results file."""
        return self._storage.size(path)

    def results_pieces(self, path: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a results file from `start` up to `end`, piece by piece."""
        return self._storage.pieces(path, start, end)

    def discard_results(self, job_id: str, but: str | None) -> None:
        """Delete what merges have left that did not win."""
        folder = f"jobs/{job_id}/results/"
        for name in self._storage.names(folder):
            if folder + name != but:
                self._storage.delete(folder + name)

    def write_final(self, final: FinalRecord) -> FinalRecord:
        """Commit the end of a job. Returns the record that counts: this one, or an earlier one."""
        data = self._storage.create(f"jobs/{final.id}/final.json", msgspec.json.encode(final))
        return msgspec.json.decode(data, type=FinalRecord)

    def read_final(self, job_id: str) -> FinalRecord:
        data = self._storage.read(f"jobs/{job_id}/final.json")
        return msgspec.json.decode(data, type=FinalRecord)

    def probe(self) -> None:
        """Raises JobFolderTrouble when our storage does not answer."""
        self._storage.exists("live/0")

    def _indices(self, folder: str) -> list[int]:
        return [int(name[:7]) for name in self._storage.names(folder)]


def open_job_folder(settings: Settings, *, impatient: bool = False) -> JobFolder:
    """The job folders of the storage that the settings name; see `open_storage`."""
    return JobFolder(open_storage(settings, impatient=impatient), Sealer(settings.secret_keys))
