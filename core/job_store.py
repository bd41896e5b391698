"""The live state of jobs in Redis: the only code that changes a status.

Each method that changes something runs one Lua script of `core/lua/`, which checks, changes,
draws the consequences and names the messages to send; they are sent here, after the change. Times
are Redis's own. Redis being away is `Unavailable`.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from core.errors import Unavailable
from core.job_view import job_from_fields, milliseconds
from core.jobs import AcceptedJob, FinalRecord, Job, JobStatus
from core.lua_scripts import load_scripts
from core.messages import Message, Send

PREFIX = "megabatch:"

_AWAY = "The job store (Redis) does not answer; try again shortly."

Unit = Literal["plan", "merge"]
Renewal = Literal["ok", "lost", "stopped", "unknown"]


class Lease(msgspec.Struct, frozen=True):
    """The right to work on one unit of a job until it runs out or is given back."""

    job_id: str
    #: A shard's seven digits, `plan` or `merge`.
    unit: str
    token: str
    #: Attempts of this unit so far that ended with an error of its own, because the container's
    #: storage was away, and without a word.
    errors: int = 0
    outages: int = 0
    losses: int = 0
    #: The job was cancelled: a merge takes what is finished.
    cancelled: bool = False
    #: Why listing was aborted, if it was: a merge takes what is finished, and the job has failed.
    reason: str = ""


class Tally(msgspec.Struct, frozen=True):
    """What a shard output adds to the job's progress: images, and how many failed by code."""

    images: int
    failures: dict[str, int] = {}


def shard_name(index: int) -> str:
    """Seven digits, so that names sort as numbers do."""
    return f"{index:07d}"


class JobStore:
    """Live state on one Redis server. `send` gets the messages that follow from a change."""

    def __init__(self, redis: Redis, send: Send) -> None:
        self._redis = redis
        self._send = send
        self._scripts = {
            name: redis.register_script(source) for name, source in load_scripts().items()
        }

    def _run(self, script: str, *arguments: str | int | float) -> Any:
        try:
            answer = self._scripts[script](keys=[PREFIX], args=list(arguments))
        except RedisError as error:
            raise Unavailable(_AWAY) from error
        reply = msgspec.json.decode(answer)
        # Lua writes an empty list as an empty object.
        messages = [msgspec.convert(message, Message) for message in reply["send"] or ()]
        if messages:
            self._send(messages)
        return reply["value"]

    def ping(self) -> None:
        """Raises Unavailable when Redis does not answer."""
        try:
            self._redis.ping()
        except RedisError as error:
            raise Unavailable(_AWAY) from error

    # A job from its creation to its end.

    def create(self, job: AcceptedJob) -> bool:
        """Make an accepted job known and have it planned. False when it was known already."""
        fields: dict[str, str | int] = {
            "model": job.request.model,
            "name": job.request.name,
            "created": milliseconds(job.created_at),
            "expires": milliseconds(job.expires_at),
        }
        return bool(self._run("create", job.id, *_flat(fields)))

    def planned(self, job_id: str, index: int, images: int) -> bool:
        """Shard `index` has an image list of so many images. False unless it is the next one."""
        return bool(self._run("planned", job_id, shard_name(index), images))

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
        return bool(self._run("abort", lease.job_id, lease.unit, lease.token, reason))

    def cancel(self, job_id: str) -> JobStatus | None:
        """Cancel, where that is still possible. The status from before; None for no such job."""
        before = self._run("cancel", job_id)
        return JobStatus(before) if before else None

    def pause(self, job_id: str, reason: str) -> bool:
        return bool(self._run("pause", job_id, reason))

    def resume(self, job_id: str) -> bool:
        return bool(self._run("resume", job_id))

    def refuse(self, lease: Lease, indices: Sequence[int]) -> bool:
        """The merge of `lease` refused these shard outputs; their shards run again."""
        shards = msgspec.json.encode([shard_name(index) for index in indices]).decode()
        return bool(self._run("refuse", lease.job_id, lease.token, shards))

    def finish(self, final: FinalRecord) -> bool:
        """The final record stands: end the job as it says."""
        progress = msgspec.json.encode(final.progress).decode()
        finished = milliseconds(final.finished_at)
        return bool(
            self._run("finish", final.id, final.status, finished, progress, final.reason or "")
        )

    # Units of work.

    def claim(
        self, job_id: str, unit: Unit | int, worker: str, *, exclusive: bool = False
    ) -> Lease | None:
        """Lease a unit (a shard's index, `plan` or `merge`) to a worker; None when it is refused.

        `exclusive` says that the worker runs one unit at a time, so that whatever else it holds
        was lost with the child that held it.
        """
        name = shard_name(unit) if isinstance(unit, int) else unit
        token = f"{worker}/{secrets.token_hex(8)}"
        answer = self._run("claim", job_id, name, token, int(exclusive))
        if "refused" in answer:
            return None
        return Lease(job_id, name, token, **answer)

    def renew(self, lease: Lease, images: int = 0) -> Renewal:
        """Extend a lease. `images` of its shard are finished, and may be shown as progress."""
        renewal: Renewal = self._run("renew", lease.job_id, lease.unit, lease.token, images)
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

    def heartbeat(self, queue: str, worker: str) -> None:
        """A worker of `queue` (a model's name, or `control`) lives."""
        self._run("heartbeat", queue, worker, "here")

    def retire(self, queue: str, worker: str) -> None:
        self._run("heartbeat", queue, worker, "gone")

    def reap(self, reaper: str) -> list[str] | None:
        """Repair what is overdue. The ids of live jobs; None when another reaper is at work."""
        answer = self._run("reap", reaper)
        return None if answer is False else list(answer)

    # Reading.

    def get(self, job_id: str) -> Job | None:
        jobs = self._views([job_id])
        return jobs[0] if jobs else None

    def list_jobs(self, limit: int, before: datetime | None = None) -> list[Job]:
        """The newest jobs first; only those created before `before`, where it is given."""
        newest = f"({milliseconds(before)}" if before else "+inf"
        pipe = self._redis.pipeline(transaction=False)
        pipe.zrevrangebyscore(f"{PREFIX}jobs", newest, "-inf", 0, limit)
        ids: list[bytes] = self._execute(pipe)[0]
        return self._views([job_id.decode() for job_id in ids])

    def unfinished(self, job_id: str, indices: Sequence[int]) -> list[int]:
        """Those of the shards that are not counted as done."""
        pipe = self._redis.pipeline(transaction=False)
        for index in indices:
            pipe.getbit(f"{PREFIX}job:{job_id}:done", index)
        bits = self._execute(pipe)
        return [index for index, bit in zip(indices, bits, strict=True) if not bit]

    def live_workers(self, queue: str) -> int:
        """Workers of a model (or `control`) whose heartbeat is recent."""
        return int(self._run("workers", queue))

    def seconds_an_image(self, model: str) -> float | None:
        """How long a worker of the model takes an image, measured; None before the first shard."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(f"{PREFIX}image_ms", model)
        measured = self._execute(pipe)[0]
        return float(measured) / 1000 if measured else None

    def _views(self, ids: Sequence[str]) -> list[Job]:
        pipe = self._redis.pipeline(transaction=False)
        for job_id in ids:
            key = f"{PREFIX}job:{job_id}"
            pipe.hgetall(key)
            pipe.hgetall(f"{key}:failures")
            pipe.zcard(f"{key}:leases")
            pipe.hvals(f"{key}:partial")
        rows = iter(self._execute(pipe))
        views = [
            job_from_fields(job_id, fields, failures, leases, sum(map(int, partial)))
            for job_id, fields, failures, leases, partial in zip(
                ids, rows, rows, rows, rows, strict=True
            )
            if fields
        ]
        models = {job.model for job in views if not job.terminal}
        unserved = {model for model in models if self.live_workers(model) == 0}
        return [
            msgspec.structs.replace(
                job, waiting_for_workers=not job.terminal and job.model in unserved
            )
            for job in views
        ]

    def _execute(self, pipe: Any) -> list[Any]:
        try:
            return list(pipe.execute())
        except RedisError as error:
            raise Unavailable(_AWAY) from error


def _flat(fields: Mapping[str, str | int]) -> list[str | int]:
    return [part for item in fields.items() for part in item]
