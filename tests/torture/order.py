"""What a service looks like when all its jobs have ended, in its storage and in Redis."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from redis.exceptions import RedisError

from core.job_reader import PREFIX
from core.jobs import FinalRecord
from core.storage import Storage
from tests.torture.stage import Stage


def disorder(stage: Stage, job_ids: Sequence[str]) -> list[str]:
    """Everything that is not as it should be; empty when all is."""
    try:
        with stage.direct_redis() as client:
            found = list(traces_in_redis(client, stage.storage, job_ids))
    except RedisError as error:
        found = [f"Redis does not answer: {error}"]
    return found + list(traces_in_storage(stage.storage, job_ids))


def traces_in_storage(storage: Storage, job_ids: Sequence[str]) -> Iterator[str]:
    for name in storage.names("live/"):
        yield f"live/{name} is left"
    for job_id in job_ids:
        final = _final(storage, job_id)
        if final is None:
            yield f"{job_id} has no final record"
            continue
        folder = f"jobs/{job_id}/results/"
        there = {folder + name for name in storage.names(folder)}
        if there != set(final.paths):
            yield f"{job_id}: results are {sorted(there)}, committed are {sorted(final.paths)}"


def traces_in_redis(client: Any, storage: Storage, job_ids: Sequence[str]) -> Iterator[str]:
    for job_id in client.zrange(f"{PREFIX}live", 0, -1):
        yield f"{job_id} is live in Redis"
    for job_id in job_ids:
        job = f"{PREFIX}job:{job_id}"
        final, status = _final(storage, job_id), client.hget(job, "status")
        if final and status != final.status:
            yield f"{job_id} is {status} in Redis, and {final.status} in the storage"
        for key in client.scan_iter(f"{job}:*"):
            yield f"{key} is left in Redis"


def _final(storage: Storage, job_id: str) -> FinalRecord | None:
    try:
        return msgspec.json.decode(storage.read(f"jobs/{job_id}/final.json"), type=FinalRecord)
    except FileNotFoundError:
        return None
