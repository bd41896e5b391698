"""A world around the job store, as far as it matters to it: a storage, messages and workers.

The storage loses nothing. Messages come late, twice or never; workers die, or do not say what they
did; Redis is emptied, or falls back to what it was. All of it in one process, step by step.
"""

from dataclasses import dataclass, field

import msgspec
import redis

from core.job_reader import PREFIX
from core.job_store import JobStore, Tally
from core.jobs import JobStatus, Progress
from core.lease import Lease
from core.lua_scripts import LEASE_MS
from core.messages import Message
from tests.factories import accepted_job, final_record
from tests.outbox import Outbox

#: Of each job; and images of each shard.
SHARDS, IMAGES = 3, 10
_LONG_MS = 3 * LEASE_MS


@dataclass
class Stored:
    """What stands in the storage of one job."""

    lists: int = 0
    listed: bool = False
    outputs: set[int] = field(default_factory=set)
    cancelled: bool = False
    final: JobStatus | None = None

    @property
    def whole(self) -> bool:
        return self.listed and self.outputs == set(range(SHARDS))


class World:
    """Workers that hold leases, and what they do with them."""

    def __init__(self, client: redis.Redis, ids: list[str]) -> None:
        client.flushall()
        self.client, self.outbox = client, Outbox()
        self.store = JobStore(client, self.outbox)
        self.storage = {job_id: Stored() for job_id in ids}
        #: What workers believe to hold.
        self.held: list[Lease] = []
        #: Who really holds a unit, as far as Redis can know.
        self.owners: dict[tuple[str, str], str] = {}
        #: Shards of which the job store was told that they are done.
        self.told: set[tuple[str, int]] = set()
        self._saved: tuple[dict[bytes, bytes], dict[tuple[str, str], str]] | None = None
        for job_id in ids:
            self.store.create(accepted_job(job_id))

    def deliver(self, message: Message) -> None:
        """A worker gets a message, and claims what it names."""
        unit = {"plan_job": "plan", "merge_job": "merge"}.get(message.task, message.index)
        lease = self.store.claim(message.job_id, unit, f"w{len(self.held)}")  # type: ignore[arg-type]
        if lease is None:
            return
        key = (lease.job_id, lease.unit)
        assert key not in self.owners, f"{key} was given to two"
        assert message.index is None or (lease.job_id, message.index) not in self.told
        self.owners[key] = lease.token
        self.held.append(lease)

    def work(self, lease: Lease, *, says: bool = True, lists: int = SHARDS + 1) -> None:
        """A worker does what it holds, and says so, or dies before it could.

        `lists`: a planner gets so far in one go; after the last one it ends listing.
        """
        self.held.remove(lease)
        if lease.unit == "plan":
            self._plan(lease, says, lists)
        elif lease.unit == "merge":
            self._merge(lease, says)
        else:
            self.storage[lease.job_id].outputs.add(int(lease.unit))
            if says:
                self._done(lease.job_id, int(lease.unit))
        if says:
            self.owners.pop((lease.job_id, lease.unit), None)

    def _plan(self, lease: Lease, says: bool, lists: int) -> None:
        """Some more image lists, and the end of listing, after telling all that stands."""
        job_id, stored = lease.job_id, self.storage[lease.job_id]
        if stored.cancelled:
            self.store.cancel(job_id)
            self.store.release(lease)
            return
        self.count_outputs(job_id)
        if stored.lists:
            self._tell_list(job_id, stored.lists - 1)
        job = self.store.get(job_id)
        assert job is None or job.progress.shards <= stored.lists
        for step in range(lists):
            tells = says or step < lists - 1  # it dies between writing the last and telling
            if stored.lists == SHARDS:
                stored.listed = True
                self._tell_listed(job_id, tells)
                break
            stored.lists += 1
            if tells:
                self._tell_list(job_id, stored.lists - 1)
        if says:
            self.store.release(lease)

    def _tell_list(self, job_id: str, index: int) -> None:
        """Of an image list, and of those before it that are asked for."""
        wanted: int | None = index
        while wanted is not None and wanted <= index:
            wanted = self.store.planned(job_id, wanted, IMAGES)
        job = self.store.get(job_id)
        if wanted is not None:
            assert job and index < job.progress.shards == wanted
        elif job and job.status in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED):
            assert job.progress.listing_over

    def _tell_listed(self, job_id: str, tells: bool) -> None:
        if tells:
            job, count = self.store.get(job_id), SHARDS * IMAGES
            if self.store.listed(job_id, shards=SHARDS, images=count, duplicates=0, skipped={}):
                assert job and (job.terminal or job.progress.shards >= SHARDS)

    def say_again(self, job_id: str, index: int) -> None:
        """Words that were said come late, and once more, whatever has happened since."""
        stored = self.storage[job_id]
        if index < stored.lists:
            self.store.planned(job_id, index, IMAGES)
        if index in stored.outputs:
            self._done(job_id, index)
        if stored.listed:
            self._tell_listed(job_id, tells=True)
        if stored.final:
            self.settle(job_id)

    def _merge(self, lease: Lease, says: bool) -> None:
        stored = self.storage[lease.job_id]
        if stored.final is None:
            assert lease.cancelled or stored.whole, "a merge before all shards are done"
            stored.final = JobStatus.CANCELLED if lease.cancelled else JobStatus.COMPLETED
        if says:
            self.settle(lease.job_id)

    def settle(self, job_id: str) -> None:
        final = self.storage[job_id].final
        assert final
        progress = Progress(images=SHARDS * IMAGES)
        record = final_record(job_id, status=final, progress=progress)
        if not self.store.finish(record):
            self.store.restore_ended(accepted_job(job_id), record)

    def _done(self, job_id: str, index: int) -> None:
        if self.store.done(job_id, index, Tally(IMAGES)):
            self.told.add((job_id, index))

    def count_outputs(self, job_id: str) -> None:
        for index in self.store.unfinished(job_id, sorted(self.storage[job_id].outputs)):
            self._done(job_id, index)

    def compare(self) -> None:
        """What the reaper does with what the storage holds as live."""
        for job_id, stored in self.storage.items():
            job = self.store.get(job_id)
            if stored.final and (job is None or not job.terminal):
                self.settle(job_id)
            elif job is None:
                self.store.create(accepted_job(job_id))
                job = self.store.get(job_id)
            if job and not job.terminal:
                if stored.cancelled:
                    self.store.cancel(job_id)
                self.count_outputs(job_id)

    def pass_time(self) -> None:
        """So long that leases end and messages count as lost; then the reaper makes its rounds."""
        for key in self.client.scan_iter(f"{PREFIX}job:*"):
            name = key.decode()
            if name.rpartition(":")[2] in ("leases", "ready", "sent"):
                for member, at in self.client.zrange(key, 0, -1, withscores=True):
                    self.client.zadd(key, {member: at - _LONG_MS})
            elif name.count(":") == 2:
                self._age(name, "sent_plan_job", "sent_merge_job")
        for hash_name in ("empty_since", "claimed"):
            self._age(PREFIX + hash_name, *self._fields(hash_name))
        self.owners.clear()
        for _ in range(2):
            self.store.reap("reaper")

    def _fields(self, name: str) -> list[str]:
        return [field.decode() for field in self.client.hkeys(PREFIX + name)]

    def _age(self, name: str, *fields: str) -> None:
        for one in fields:
            at = self.client.hget(name, one)
            if at is not None:
                self.client.hset(name, one, str(int(float(at)) - _LONG_MS))

    def save(self) -> None:
        """What Redis has on its disk by now."""
        kept = {key: self.client.dump(key) for key in self.client.scan_iter("*")}
        self._saved = kept, dict(self.owners)

    def fall_back(self) -> None:
        """Redis dies and begins with what was on its disk: nothing, at first."""
        kept, owners = self._saved or ({}, {})
        self.client.flushall()
        for key, value in kept.items():
            self.client.restore(key, 0, value)
        self.owners = dict(owners)
        self.told.clear()


def as_text(world: World) -> str:
    """How things stand, for who reads a failure."""
    return msgspec.json.encode(
        {job_id: world.store.get(job_id) for job_id in world.storage}
    ).decode()
