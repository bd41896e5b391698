"""How long it takes until the work of a killed detection worker goes on.

Measured from outside, for each shard that a worker holds a lease of when its main process, its
child or both are killed: from the kill until Redis says that the shard is done, that it is leased
again (under another token), or that its job is over. Redis is asked directly, every tenth of a
second, and the other faults of that time count in full: while Redis is stopped or has lost the job,
the shard waits. A kill while Redis is away tells nobody which shards were held, and one of a worker
that held none wounds nothing; neither is measured. A child that outlives its main process may well
finish its shard, which then is done.

A shard that was lost stands behind those of its job that nobody has begun, and may wait long for
its turn while others run. So a second time is measured: until it may be claimed by anybody.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from core.job_reader import PREFIX
from tests.torture.stage import this_host

_EVERY = 0.1
#: Statuses in which a shard may still have to be run.
_OPEN = ("queued", "running", "paused")


@dataclass(frozen=True)
class Wound:
    """A shard whose worker was killed, by the token of the lease that it held."""

    job_id: str
    shard: str
    token: str
    since: float


@dataclass
class Recovery:
    """Watches over the wounds of one round, in a thread of its own."""

    #: Opens a connection to Redis itself.
    direct_redis: Callable[[], Any]
    #: Seconds that each wound took, and until its shard could be claimed again.
    seconds: list[float] = field(default_factory=list)
    claimable: list[float] = field(default_factory=list)
    _open: list[Wound] = field(default_factory=list)
    #: Those of which nobody could claim the shard so far.
    _held: list[Wound] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def held_by(self, pid: int) -> list[tuple[str, str, str]]:
        """Job, shard and token of each lease that the worker with this main process has."""
        try:
            with self.direct_redis() as client:
                return list(_held(client, f"{this_host()}-{pid}-"))
        except RedisError:
            return []

    def begin(self, held: Sequence[tuple[str, str, str]]) -> None:
        """Their worker has just been killed."""
        now = time.monotonic()
        wounds = [Wound(*one, since=now) for one in held]
        with self._lock:
            self._open += wounds
            self._held += wounds

    @property
    def is_healed(self) -> bool:
        return not self._open

    @contextmanager
    def watching(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, over: threading.Event) -> None:
        with self.direct_redis() as client:
            while not over.wait(_EVERY):
                try:
                    self._look(client)
                except RedisError:
                    continue  # it is stopped, or was killed

    def _look(self, client: Any) -> None:
        for wound in list(self._held):
            if _may_be_claimed(client, wound) or _goes_on(client, wound):
                with self._lock:
                    self._held.remove(wound)
                self.claimable.append(time.monotonic() - wound.since)
        for wound in list(self._open):
            if _goes_on(client, wound):
                with self._lock:
                    self._open.remove(wound)
                self.seconds.append(time.monotonic() - wound.since)


def _held(client: Any, worker: str) -> Iterator[tuple[str, str, str]]:
    for job_id in client.zrange(f"{PREFIX}live", 0, -1):
        for shard, token in client.hgetall(f"{PREFIX}job:{job_id}:owners").items():
            if token.startswith(worker):
                yield job_id, shard, token


def _may_be_claimed(client: Any, wound: Wound) -> bool:
    job = f"{PREFIX}job:{wound.job_id}"
    ready = client.zscore(f"{job}:ready", wound.shard), client.zscore(f"{job}:sent", wound.shard)
    return any(score is not None for score in ready)


def _goes_on(client: Any, wound: Wound) -> bool:
    job = f"{PREFIX}job:{wound.job_id}"
    status = client.hget(job, "status")
    if status is None:
        return False  # Redis has lost the job
    if status not in _OPEN or client.getbit(f"{job}:done", int(wound.shard)):
        return True
    owner = client.hget(f"{job}:owners", wound.shard)
    return owner is not None and owner != wound.token


def percentile(seconds: Sequence[float], share: float) -> float:
    """The value that so large a share of them does not exceed. 0 where there are none."""
    if not seconds:
        return 0.0
    return sorted(seconds)[math.ceil(share * len(seconds)) - 1]
