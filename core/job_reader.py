"""Reading the live state of jobs in Redis. Redis being away is `Unavailable`."""

from collections.abc import Sequence
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    OutOfMemoryError,
    RedisError,
)

from core.errors import Unavailable
from core.job_lists import ALL_JOBS, JobsPage, Place, Wanted, list_arguments
from core.job_view import StoredJobs, job_view
from core.jobs import Job
from core.lua_scripts import load_scripts
from core.messages import Message, Send
from core.redis_fitness import check_fitness

PREFIX = "megabatch:"

_AWAY = "The job store (Redis) does not answer; try again shortly."
_FULL = "The job store (Redis) is full; nothing is lost, and work goes on once it has more memory."


class PasswordRefused(Unavailable):
    """The job store (Redis) refuses the user or password that it was given; whoever runs MegaBatch
    corrects REDIS_URL, and starts again what uses it.
    """


class Load(msgspec.Struct, frozen=True):
    """What a caller has going on."""

    #: Jobs that have not ended.
    live_jobs: int
    #: Images that these have to go, as far as they are listed.
    queued_images: int


class JobReader:
    """Tells of jobs and workers, and runs the scripts."""

    def __init__(self, redis: Redis, send: Send) -> None:
        """`send` gets the messages that follow from a change."""
        self._redis = redis
        self._send = send
        self._scripts = {
            name: redis.register_script(source) for name, source in load_scripts().items()
        }

    def _run(self, script: str, *arguments: str | int | float) -> Any:
        try:
            answer = self._scripts[script](keys=[PREFIX], args=list(arguments))
        except RedisError as error:
            raise _translated(error) from error
        reply = msgspec.json.decode(answer)
        # Lua writes an empty list as an empty object.
        messages = [msgspec.convert(message, Message) for message in reply["send"] or ()]
        if messages:
            self._send(messages)
        return reply["value"]

    def _execute(self, pipe: Any) -> list[Any]:
        try:
            return list(pipe.execute())
        except RedisError as error:
            raise _translated(error) from error

    def check_room(self) -> None:
        """Raises Unavailable when Redis does not answer, or takes nothing more."""
        try:
            # Changes nothing, and is refused like all that could make a full Redis fuller.
            self._redis.setrange(PREFIX + "room", 0, "")
        except RedisError as error:
            raise _translated(error) from error

    def check_fitness(self) -> None:
        """Raises Unavailable when Redis does not answer, ConfigError when it is of no use."""
        check_fitness(self._redis)

    def get(self, job_id: str) -> Job | None:
        jobs = self._views([job_id])
        return jobs[0] if jobs else None

    def list_jobs(
        self,
        limit: int,
        *,
        wanted: Wanted = ALL_JOBS,
        after: Place | None = None,
        caller: str | None = None,
    ) -> JobsPage:
        """The newest jobs first: those wanted, of this caller, behind the place `after`.

        Looks at 2000 jobs at most, so a page may be short and others follow.
        """
        ids, *end = self._run("list", *list_arguments(limit, wanted, after, caller))
        return JobsPage(self._views(ids or ()), Place(int(end[0]), end[1]) if end else None)

    def load_of(self, caller: str) -> Load:
        return Load(*self._run("load", caller))

    def unfinished(self, job_id: str, indices: Sequence[int]) -> list[int]:
        """Those of the shards that are not counted as done."""
        pipe = self._redis.pipeline(transaction=False)
        for index in indices:
            pipe.getbit(f"{PREFIX}job:{job_id}:done", index)
        bits = self._execute(pipe)
        return [index for index, bit in zip(indices, bits, strict=True) if not bit]

    def has_planner(self, job_id: str) -> bool:
        """Whether a worker is at work on the job's plan."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.zscore(f"{PREFIX}job:{job_id}:leases", "plan")
        return self._execute(pipe)[0] is not None

    def live_workers(self, queue: str) -> int:
        """Workers of a model (or `control`) whose heartbeat is recent."""
        return len(self.worker_ids(queue))

    def worker_ids(self, queue: str) -> list[str]:
        """The ids of these workers."""
        # Lua writes an empty list as an empty object.
        return list(self._run("workers", queue) or ())

    def seconds_an_image(self, model: str) -> float | None:
        """How long a worker of the model takes an image, measured; None before the first shard."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(f"{PREFIX}image_ms", model)
        measured = self._execute(pipe)[0]
        return float(measured) / 1000 if measured else None

    def _views(self, ids: Sequence[str]) -> list[Job]:
        """The jobs of these ids that are known."""
        if not ids:
            return []
        told = self._run("view", *ids)
        # Lua writes an empty list as an empty object.
        found = msgspec.convert(told | {"jobs": told["jobs"] or []}, StoredJobs)
        return [job_view(stored, found.now) for stored in found.jobs]


def _translated(error: RedisError) -> Unavailable:
    if isinstance(error, AuthenticationError | AuthorizationError):
        return PasswordRefused()
    return Unavailable(_FULL if isinstance(error, OutOfMemoryError) else _AWAY)
