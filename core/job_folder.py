"""Every name, and every read and write, of a job's own files in our storage.

The storage is a local folder, Azure, S3 or GCS, reached through obstore. What must stand once is
written create-only: the first writer wins, and a later one is given what the winner wrote. A
missing file is FileNotFoundError; any other trouble is JobFolderTrouble.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import msgspec
import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore

from core.errors import JobFolderTrouble
from core.image_list import ImageListHeader, decode_header
from core.job_record import decode_job, encode_job
from core.jobs import AcceptedJob, FinalRecord
from core.secrets import Sealer, redact

T = TypeVar("T")

#: Bytes of a results file that are read at a time.
_PIECE = 4 * 1024 * 1024

_ID = re.compile(r"[0-9a-f]{32}")


class Plan(msgspec.Struct, frozen=True):
    """The end of the chain of image lists, `plan.json`: without it listing is not over."""

    images: int
    shards: int
    duplicates: int = 0
    skipped: dict[str, int] = {}


class Writer(Protocol):
    """A file that becomes visible, whole, when it is closed."""

    def write(self, data: bytes) -> int: ...
    def close(self) -> None: ...


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Storage errors as ours. Credentials are cut out of their texts."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        first_line = redact(str(error)).partition("\n")[0]
        raise JobFolderTrouble(f"Our storage failed to {what}: {first_line}") from None


class JobFolder:
    """The job folders of one storage."""

    def __init__(self, store: ObjectStore, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    # The acceptance.

    def accept(self, job: AcceptedJob) -> None:
        """Write `live/{id}`, then `job.json`: from then on the job will be done."""
        record = encode_job(job, self._sealer)
        self._create(f"live/{job.id}", b"")
        self._create(f"jobs/{job.id}/job.json", record)

    def read_job(self, job_id: str) -> AcceptedJob:
        """The job with its secrets opened. Raises FileNotFoundError."""
        return decode_job(self._read(f"jobs/{job_id}/job.json"), self._sealer)

    def live_ids(self) -> list[str]:
        """Ids of jobs that were accepted, or nearly, and have not ended."""
        return [name for name in self._names("live/") if _ID.fullmatch(name)]

    def retire(self, job_id: str) -> None:
        """The job has ended: it is no longer compared with Redis."""
        self._delete(f"live/{job_id}")

    def mark_cancelled(self, job_id: str) -> None:
        """Keep the wish to cancel, so that it outlives Redis."""
        self._create(f"jobs/{job_id}/cancelled", b"")

    def is_cancelled(self, job_id: str) -> bool:
        return self._exists(f"jobs/{job_id}/cancelled")

    # Image lists and the plan.

    def write_image_list(self, job_id: str, index: int, data: bytes) -> bytes:
        """What stands as the image list of this shard: `data`, or what came before it."""
        return self._create(f"jobs/{job_id}/images/{index:07d}.ndjson", data)

    def read_image_list(self, job_id: str, index: int) -> bytes:
        return self._read(f"jobs/{job_id}/images/{index:07d}.ndjson")

    def count_image_lists(self, job_id: str) -> int:
        """How many image lists there are: they are written in order, so the last is known too."""
        return len(self._indices(f"jobs/{job_id}/images/"))

    def read_header(self, job_id: str, index: int) -> ImageListHeader:
        return decode_header(self.read_image_list(job_id, index))

    def write_plan(self, job_id: str, plan: Plan) -> Plan:
        data = self._create(f"jobs/{job_id}/plan.json", msgspec.json.encode(plan))
        return msgspec.json.decode(data, type=Plan)

    def read_plan(self, job_id: str) -> Plan:
        return msgspec.json.decode(self._read(f"jobs/{job_id}/plan.json"), type=Plan)

    # Shard outputs.

    def write_shard_output(self, job_id: str, index: int, data: bytes) -> bytes:
        """What stands as the output of this shard: `data`, or what came before it."""
        return self._create(f"jobs/{job_id}/shards/{index:07d}.ndjson", data)

    def read_shard_output(self, job_id: str, index: int) -> bytes:
        return self._read(f"jobs/{job_id}/shards/{index:07d}.ndjson")

    def shard_outputs(self, job_id: str) -> list[int]:
        """Indices of the shard outputs there are, in order."""
        return self._indices(f"jobs/{job_id}/shards/")

    def delete_shard_output(self, job_id: str, index: int) -> None:
        self._delete(f"jobs/{job_id}/shards/{index:07d}.ndjson")

    # Results and the final record.

    def results_path(self, job_id: str, token: str) -> str:
        return f"jobs/{job_id}/results/{token}.json"

    @contextmanager
    def results_writer(self, path: str) -> Iterator[Writer]:
        """A new results file; it appears when the block ends without an error."""
        with _translated("write the results file"):
            writer = obstore.open_writer(self._store, path)
            yield writer
            writer.close()

    def results_chunks(self, path: str) -> tuple[int, Iterator[bytes]]:
        """Size in bytes of a results file, and its content piece by piece."""
        with _translated("read the results file"):
            size: int = obstore.head(self._store, path)["size"]
        return size, self._pieces(path, size)

    def _pieces(self, path: str, size: int) -> Iterator[bytes]:
        # Each piece is a request of its own: the storage's time limit then holds for a piece, and
        # not for the whole file, which a slow reader may take an hour to download.
        for start in range(0, size, _PIECE):
            with _translated("read the results file"):
                end = min(start + _PIECE, size)
                yield bytes(obstore.get_range(self._store, path, start=start, end=end))

    def discard_results(self, job_id: str, but: str | None) -> None:
        """Delete what merges have left that did not win."""
        with _translated("list the results files"):
            found = [
                meta["path"]
                for page in obstore.list(self._store, f"jobs/{job_id}/results")
                for meta in page
            ]
        for path in found:
            if path != but:
                self._delete(path)

    def write_final(self, final: FinalRecord) -> FinalRecord:
        """Commit the end of a job. Returns the record that counts: this one, or an earlier one."""
        data = self._create(f"jobs/{final.id}/final.json", msgspec.json.encode(final))
        return msgspec.json.decode(data, type=FinalRecord)

    def read_final(self, job_id: str) -> FinalRecord:
        data = self._read(f"jobs/{job_id}/final.json")
        return msgspec.json.decode(data, type=FinalRecord)

    def probe(self) -> None:
        """Raises JobFolderTrouble when our storage does not answer."""
        self._exists("live/0")

    # The four verbs that touch the storage.

    def _create(self, path: str, data: bytes) -> bytes:
        """Write create-only; the bytes that stand there afterwards."""
        with _translated("write"):
            try:
                obstore.put(self._store, path, data, mode="create")
            except AlreadyExistsError:
                return self._read(path)
        return data

    def _read(self, path: str) -> bytes:
        with _translated("read"):
            return bytes(obstore.get(self._store, path).bytes())

    def _exists(self, path: str) -> bool:
        try:
            with _translated("look for a file"):
                obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        return True

    def _delete(self, path: str) -> None:
        """Delete; what is not there is deleted already."""
        try:
            with _translated("delete"):
                obstore.delete(self._store, path)
        except FileNotFoundError:
            pass

    def _names(self, folder: str) -> list[str]:
        with _translated("list"):
            return sorted(
                meta["path"].removeprefix(folder)
                for page in obstore.list(self._store, folder)
                for meta in page
            )

    def _indices(self, folder: str) -> list[int]:
        return [int(name[:7]) for name in self._names(folder)]
