"""Every read and write of a job's own files in our storage; `core/job_paths.py` has their names.

What must stand once is written create-only: the first writer wins, and a later one is given what
the winner wrote. A missing file is FileNotFoundError; any other trouble is JobFolderTrouble.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime

import msgspec

from core.changed_images import ChangedImages
from core.config import Settings
from core.errors import JobFolderTrouble
from core.image_list import ImageListHeader, decode_header
from core.job_paths import (
    LIVE,
    Part,
    file_path,
    job_path,
    live_path,
    number_of,
    part_path,
    shard_path,
)
from core.job_record import decode_job, decode_shown, encode_job
from core.jobs import AcceptedJob, FinalRecord
from core.numbered_words import NumberedWords
from core.retention import Retention
from core.sealing import Sealer
from core.storage import Storage, Writer, open_storage
from core.used_weights import UsedWeights
from core.webhook_log import WebhookLog
from core.work_done import WorkDone

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
        self._words = NumberedWords(storage)
        self.changed = ChangedImages(storage)
        self.retention = Retention(storage)
        self.webhooks = WebhookLog(storage)
        self.weights = UsedWeights(storage)
        self.work = WorkDone(storage)

    # The acceptance.

    def accept(self, job: AcceptedJob) -> AcceptedJob:
        """Write `live/{id}`, then `job.json`: from then on the job will be done.

        Returns the job that stands: this very one, or what was accepted under its id before it.
        """
        record = encode_job(job, self._sealer)
        live = live_path(job.id)
        self._storage.create(live, b"")
        standing = self._storage.create(file_path(job.id, "job.json"), record)
        # A submission may have been given up (`abandon`) that went on after all: one of a laptop
        # that slept, or one that was sent again. The job is accepted now, even if this fails.
        with suppress(JobFolderTrouble):
            if not self._storage.exists(live):
                self._storage.create(live, b"")
        return job if standing is record else decode_job(standing, self._sealer)

    def read_job(self, job_id: str) -> AcceptedJob:
        """The job with its secrets opened, its priority, and the newest URL of its container.

        Raises FileNotFoundError.
        """
        job = decode_job(self._storage.read(file_path(job_id, "job.json")), self._sealer)
        orders = self._words.count(job_id, "priorities")
        if orders:
            priority = int(self._words.read(job_id, "priorities", orders))
            job = msgspec.structs.replace(job, orders=orders, priority=priority)
        renewals = self.count_container_urls(job_id)
        if not renewals:
            return job
        sealed = self._words.read(job_id, "container-urls", renewals)
        url = self._sealer.open(sealed.decode())
        request = msgspec.structs.replace(job.request, container_url=url)
        return msgspec.structs.replace(job, request=request, renewals=renewals)

    def read_shown(self, job_id: str) -> AcceptedJob:
        """The job as it may be shown, with nothing secret. Raises FileNotFoundError."""
        return decode_shown(self._storage.read(file_path(job_id, "job.json")))

    def is_live(self, job_id: str) -> bool:
        """Whether the job was accepted and has not ended."""
        exists = self._storage.exists
        return exists(file_path(job_id, "job.json")) and not exists(file_path(job_id, "final.json"))

    def add_container_url(self, job_id: str, url: str) -> int:
        """Keep a fresh URL of the job's container; the how manyeth it is, from 1."""
        sealed = self._sealer.seal(url).encode()
        return self._words.add(job_id, "container-urls", sealed)

    def count_container_urls(self, job_id: str) -> int:
        """How many fresh URLs of its container were given."""
        return self._words.count(job_id, "container-urls")

    def add_priority(self, job_id: str, priority: int) -> int:
        """Keep where the job stands among others; the how manyeth such word it is, from 1."""
        return self._words.add(job_id, "priorities", b"%d" % priority)

    def add_child(self, job_id: str, child: str) -> None:
        """Keep the files of a job as long as `child` needs them; said before it is accepted."""
        self._storage.create(part_path(job_id, "children") + child, b"")

    def children(self, job_id: str) -> list[str]:
        """Ids of jobs that try images of this one again, whatever became of them."""
        return self._storage.names(part_path(job_id, "children"))

    def live_ids(self) -> list[str]:
        """Ids of jobs that were accepted, or nearly, and have not ended."""
        return [name for name in self._storage.names(LIVE) if _ID.fullmatch(name)]

    def abandon(self, job_id: str, before: datetime) -> bool:
        """Give up a submission whose `job.json` was looked for in vain, if it is that old.

        By what the storage says of `live/{id}`. Returns whether it is given up.
        """
        live = live_path(job_id)
        try:
            if self._storage.written_at(live) >= before:
                return False
        except FileNotFoundError:
            return False
        self._storage.delete(live)
        if not self._storage.exists(file_path(job_id, "job.json")):
            return True
        self._storage.create(live, b"")  # it went on in this moment
        return False

    def retire(self, job_id: str) -> None:
        """The job has ended: it is no longer compared with Redis."""
        self._storage.delete(live_path(job_id))

    def mark_cancelled(self, job_id: str) -> None:
        """Keep the wish to cancel, so that it outlives Redis."""
        self._storage.create(file_path(job_id, "cancelled"), b"")

    def forget_cancelling(self, job_id: str) -> None:
        """The wish came too late."""
        self._storage.delete(file_path(job_id, "cancelled"))

    def is_cancelled(self, job_id: str) -> bool:
        return self._storage.exists(file_path(job_id, "cancelled"))

    # Image lists and the plan.

    def write_image_list(self, job_id: str, index: int, data: bytes) -> bytes:
        """What stands as the image list of this shard: `data`, or what came before it."""
        return self._storage.create(shard_path(job_id, "images", index), data)

    def read_image_list(self, job_id: str, index: int) -> bytes:
        return self._storage.read(shard_path(job_id, "images", index))

    def count_image_lists(self, job_id: str) -> int:
        """How many image lists there are: they are written in order, so the last is known too."""
        return len(self._indices(part_path(job_id, "images")))

    def read_header(self, job_id: str, index: int) -> ImageListHeader:
        return decode_header(self.read_image_list(job_id, index))

    def write_plan(self, job_id: str, plan: Plan) -> Plan:
        data = self._storage.create(file_path(job_id, "plan.json"), msgspec.json.encode(plan))
        return msgspec.json.decode(data, type=Plan)

    def read_plan(self, job_id: str) -> Plan:
        return msgspec.json.decode(self._storage.read(file_path(job_id, "plan.json")), type=Plan)

    # Shard outputs.

    def write_shard_output(self, job_id: str, index: int, data: bytes) -> bytes:
        """What stands as the output of this shard: `data`, or what came before it."""
        return self._storage.create(shard_path(job_id, "shards", index), data)

    def read_shard_output(self, job_id: str, index: int) -> bytes:
        return self._storage.read(shard_path(job_id, "shards", index))

    def shard_outputs(self, job_id: str) -> list[int]:
        """Indices of the shard outputs there are, in order."""
        return self._indices(part_path(job_id, "shards"))

    def delete_shard_output(self, job_id: str, index: int) -> None:
        self._storage.delete(shard_path(job_id, "shards", index))

    # What is taken over from an earlier job.

    def write_kept(self, job_id: str, index: int, data: bytes) -> bytes:
        """What stands as the lines that a shard takes over: `data`, or what came before it."""
        return self._storage.create(shard_path(job_id, "kept", index), data)

    def read_kept(self, job_id: str, index: int) -> bytes:
        return self._storage.read(shard_path(job_id, "kept", index))

    # Results and the final record.

    def results_path(self, job_id: str, token: str, part: str = "") -> str:
        """Where a merge, known by its token, writes the results file, or another part of it."""
        return f"{part_path(job_id, 'results')}{token}{part and '.'}{part}.json"

    def results_writer(self, path: str, name: str = "") -> AbstractContextManager[Writer]:
        """A new results file; it appears when the block ends without an error.

        `name`: what a browser should call it where our storage hands it out itself.
        """
        return self._storage.writer(path, name)

    def results_size(self, path: str) -> int:
        """Bytes of a results file."""
        return self._storage.size(path)

    def results_pieces(self, path: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a results file from `start` up to `end`, piece by piece."""
        return self._storage.pieces(path, start, end)

    def results_url(self, path: str) -> str | None:
        """A URL that reads this one file for some minutes; None where our storage has no such."""
        return self._storage.signed_url(path)

    def discard_results(self, job_id: str, but: frozenset[str]) -> None:
        """Delete what merges have left that did not win."""
        folder = part_path(job_id, "results")
        for name in self._storage.names(folder):
            if folder + name not in but:
                self._storage.delete(folder + name)
        self._storage.delete_unfinished(folder)

    def write_final(self, final: FinalRecord) -> FinalRecord:
        """Commit the end of a job. Returns the record that counts: this one, or an earlier one."""
        data = self._storage.create(file_path(final.id, "final.json"), msgspec.json.encode(final))
        return msgspec.json.decode(data, type=FinalRecord)

    def read_final(self, job_id: str) -> FinalRecord:
        data = self._storage.read(file_path(job_id, "final.json"))
        return msgspec.json.decode(data, type=FinalRecord)

    # Deleting.

    def forget_secrets(self, job_id: str) -> None:
        """Delete what holds a SAS, and with it the job's acceptance."""
        self._storage.delete(file_path(job_id, "job.json"))
        for _ in self._sweep(part_path(job_id, "container-urls")):
            pass

    def sweep_shard_outputs(self, job_id: str) -> Iterator[None]:
        """Delete what was only needed to make the results, some files a turn."""
        parts: tuple[Part, ...] = ("shards", "kept", "work")
        for part in parts:
            yield from self._sweep(part_path(job_id, part))

    def sweep_job(self, job_id: str) -> Iterator[None]:
        """Delete every file of a job, some a turn."""
        # The lists first: who can still read one finds all that was noted beside it.
        yield from self._sweep(part_path(job_id, "images"))
        yield from self._sweep(job_path(job_id))
        self._storage.delete_unfinished(job_path(job_id))
        self.retire(job_id)

    def _sweep(self, folder: str) -> Iterator[None]:
        while self._storage.delete_some(folder):
            yield

    def probe(self) -> None:
        """Raises JobFolderTrouble when our storage does not answer."""
        self._storage.exists(live_path("0"))

    def _indices(self, folder: str) -> list[int]:
        return [number_of(name) for name in self._storage.names(folder)]


def open_job_folder(settings: Settings, *, impatient: bool = False) -> JobFolder:
    """The job folders of the storage that the settings name; see `open_storage`."""
    return JobFolder(open_storage(settings, impatient=impatient), Sealer(settings.secret_keys))
