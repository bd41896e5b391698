"""The live state of jobs in Redis: the only code that changes a status.

Each method that changes something runs one Lua script of `core/lua/`, which checks, changes,
draws the consequences and names the messages to send; they are sent here, after the change. Times
are Redis's own. Redis being away is `Unavailable`.
"""

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from core.delivery_queue import DeliveryQueue
from core.job_view import fields_of, milliseconds
from core.jobs import AcceptedJob, FinalRecord, JobStatus
from core.lease import Lease
from core.measures import Measures
from core.secrets import redact

#: Letters of a job's reason.
_LONGEST_REASON = 1000

Unit = Literal["plan", "merge"]
Renewal = Literal["ok", "lost", "stopped", "unknown"]


class Tally(msgspec.Struct, frozen=True):
    """What a shard output adds to the job's progress: images, and how many failed by code."""

    images: int
    failures: dict[str, int] = {}
    #: Of the images: taken over from an earlier job.
    kept: int = 0


def _told(reason: str) -> str:
    """A reason as it is shown with each poll: short, and without secrets that an error named."""
    return redact(reason)[:_LONGEST_REASON]


def shard_name(index: int) -> str:
    """Seven digits, so that names sort as numbers do."""
    return f"{index:07d}"


class JobStore(DeliveryQueue):
    """Live state on one Redis server."""

    # A job from its creation to its end.

    def create(self, job: AcceptedJob) -> bool:
        """Make an accepted job known and have it planned. False when it was known already."""
        return bool(self._run("create", job.id, *_flat(fields_of(job))))

    def planned(self, job_id: str, index: int, images: int) -> int | None:
        """Shard `index` has an image list of so many images. Counts when it is the next one.

        Returns the shard that is to be told next: an earlier one where Redis has lost some, and
        whoever told goes on from there. None when the job wants none, or is not known.
        """
        wanted = self._run("planned", job_id, shard_name(index), images)
        return None if wanted is False else int(wanted)

    def listed(
        self, job_id: str, *, shards: int, images: int, duplicates: int, skipped: Mapping[str, int]
    ) -> bool:
        """Listing is over, and the job has just these shards. False when not all are known yet."""
        text = msgspec.json.encode(skipped).decode()
        return bool(self._run("listed", job_id, shards, images, duplicates, text))

    def abort(self, lease: Lease, reason: str) -> bool:
        """The work of `lease` cannot be done, ever: the job will end as failed, with what is done.

        False when the lease is no longer held, for then others may have got further.
        """
        return bool(self._run("abort", lease.job_id, lease.unit, lease.token, _told(reason)))

    def cancel(self, job_id: str) -> JobStatus | None:
        """Cancel, where that is still possible. The status from before; None for no such job."""
        before = self._run("cancel", job_id)
        return JobStatus(before) if before else None

    def pause(self, job_id: str, reason: str, urls: int = 0) -> bool:
        """Try nothing until a fresh URL of the container comes. False when one came already:
        more of them than the `urls` that the worker knew.
        """
        return bool(self._run("pause", job_id, _told(reason), urls))

    def renew_container(self, job: AcceptedJob) -> bool:
        """The job has a fresh URL of its container, and goes on if it was paused.

        False when it is ending, or not known.
        """
        fields = fields_of(job)
        urls, sas_expires = fields.get("urls", 0), fields.get("sas_expires", "")
        return bool(self._run("renew_container", job.id, urls, sas_expires))

    def order(self, job_id: str, priority: int, orders: int) -> JobStatus | None:
        """Say where a job stands among those of its model, by the word that the storage counted as
        the `orders`th. The job's status: one that has ended stays as it is. None for no such job.
        """
        status = self._run("order", job_id, priority, orders)
        return JobStatus(status) if status else None

    def refuse(self, lease: Lease, indices: Sequence[int]) -> bool:
        """The merge of `lease` refused these shard outputs; their shards run again."""
        shards = msgspec.json.encode([shard_name(index) for index in indices]).decode()
        return bool(self._run("refuse", lease.job_id, lease.token, shards))

    def finish(self, final: FinalRecord) -> bool:
        """The final record stands: end the job as it says."""
        return bool(self._run("finish", *_ending(final)))

    def restore_ended(self, job: AcceptedJob, final: FinalRecord) -> bool:
        """Make a job known again that has ended. False when it was known."""
        fields = fields_of(msgspec.structs.replace(job, orders=0))
        fields |= {"cancelled": 1} if final.status is JobStatus.CANCELLED else {}
        if final.started_at:
            fields["started"] = milliseconds(final.started_at)
        return bool(self._run("restore_ended", *_ending(final), *_flat(fields)))

    def remove(self, job_id: str, caller: str) -> bool:
        """The job of this caller was deleted. False when it was not known."""
        return bool(self._run("remove", job_id, caller))

    # Units of work.

    def claim(
        self, job_id: str, unit: Unit | int, worker: str, *, exclusive: bool = False
    ) -> Lease | None:
        """Lease a unit (a shard's index, `plan` or `merge`) to a worker; None when it is refused.

        `exclusive` says that the worker runs one unit at a time, so that whatever else it holds
        was lost with the child that held it.
        """
        name = shard_name(unit) if isinstance(unit, int) else unit
        token = f"{worker}/{os.getpid()}-{secrets.token_hex(8)}"
        answer = self._run("claim", job_id, name, token, int(exclusive))
        if "refused" in answer:
            return None
        known = {"job_id": job_id, "unit": name, "token": token}
        return msgspec.convert(known | answer, Lease, strict=False)

    def renew(self, lease: Lease, images: int = 0) -> Renewal:
        """Extend a lease. `images` of its shard are finished, and may be shown as progress."""
        renewal: Renewal = self._run("renew", lease.job_id, lease.unit, lease.token, images)
        return renewal

    def note(self, lease: Lease, position: int | None) -> Renewal:
        """Say which of its images a shard comes to now, before it is touched; None: to no more.

        Should the lease be lost, this image is suspected.
        """
        at = "" if position is None else position
        renewal: Renewal = self._run("note", lease.job_id, lease.unit, lease.token, at)
        return renewal

    def release(self, lease: Lease, wait_seconds: float = 0) -> bool:
        """Give the unit back, to be claimed after so long; nothing is counted against it."""
        wait = int(1000 * wait_seconds)
        return bool(self._run("release", lease.job_id, lease.unit, lease.token, wait))

    def fail(self, lease: Lease, wait_seconds: float, *, outage: bool = False) -> bool:
        """Report an error: the unit may be tried again after so long.

        `outage` says that the container's storage was away, which is counted apart.
        """
        wait, counted = int(1000 * wait_seconds), "outages" if outage else "errors"
        return bool(self._run("fail", lease.job_id, lease.unit, lease.token, wait, counted))

    def done(self, job_id: str, index: int, tally: Tally, seconds: float = 0) -> bool:
        """The output of shard `index` stands. False when that was known, or the job is over."""
        text = msgspec.json.encode(tally).decode()
        return bool(self._run("done", job_id, shard_name(index), text, seconds))

    # Workers and the reaper.

    def heartbeat(self, queue: str, worker: str, dead: Iterable[int] = ()) -> None:
        """A worker of `queue` (a model's name, or `control`) lives.

        `dead`: process ids of children of it that have died. What such a one held is lost.
        """
        self._run("heartbeat", queue, worker, "here", "".join(f" {child} " for child in dead))

    def retire(self, queue: str, worker: str) -> None:
        self._run("heartbeat", queue, worker, "gone", "")

    def count_load(self, worker: str) -> int:
        """A worker begins to load its detector; how often now since that last succeeded."""
        return int(self._run("loads", worker, "more"))

    def forget_loads(self, worker: str) -> None:
        """A worker has loaded its detector."""
        self._run("loads", worker, "none")

    def reap(self, reaper: str) -> list[str] | None:
        """Repair what is overdue. The ids of live jobs; None when another reaper is at work."""
        answer = self._run("reap", reaper)
        return None if answer is False else list(answer)

    def measure(self, queues: Sequence[str]) -> Measures:
        """What there is to measure, in a bounded time; `queues` are models, and `control`."""
        return msgspec.convert(self._run("measure", *queues), Measures)

    def hold(self, what: str, worker: str, seconds: float) -> bool:
        """Take or keep a turn at work that one worker at a time does; 0 seconds give it back.

        False when another has it.
        """
        return bool(self._run("hold", what, worker, int(1000 * seconds)))

    def begin_restoring(self, token: str) -> bool:
        """False when all jobs that have ended were made known since Redis began empty."""
        return bool(self._run("restoring", "begin", token))

    def end_restoring(self, token: str) -> bool:
        """All are known now. False when Redis was emptied since, or another has begun."""
        return bool(self._run("restoring", "end", token))


def _ending(final: FinalRecord) -> tuple[str | int, ...]:
    """What `finish.lua` and `restore_ended.lua` are told of the end of a job."""
    progress = msgspec.json.encode(final.progress).decode()
    finished = milliseconds(final.finished_at)
    return final.id, final.status, finished, progress, final.reason or ""


def _flat(fields: Mapping[str, str | int]) -> list[str | int]:
    return [part for item in fields.items() for part in item]
