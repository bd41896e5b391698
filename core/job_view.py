"""A job as its fields in Redis tell it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from core.jobs import TERMINAL, Job, JobStatus, Progress

Fields = Mapping[bytes, bytes]


def milliseconds(moment: datetime) -> int:
    return round(1000 * moment.timestamp())


def _moment(fields: Fields, name: bytes) -> datetime | None:
    text = fields.get(name)
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None


def _progress(fields: Fields, failures: Fields, leases: int, partial: int) -> Progress:
    def number(name: bytes) -> int:
        return int(fields.get(name, 0))

    return Progress(
        listing_over=fields[b"listing"] == b"0",
        images=number(b"images"),
        images_done=number(b"images_done") + partial,
        images_failed=number(b"images_failed"),
        failures={code.decode(): int(n) for code, n in sorted(failures.items()) if int(n)},
        skipped=msgspec.json.decode(fields.get(b"skipped", b"{}"), type=dict[str, int]),
        duplicates=number(b"duplicates"),
        shards=number(b"shards"),
        shards_done=number(b"shards_done"),
        shards_running=leases,
    )


def job_from_fields(
    job_id: str, fields: Fields, failures: Fields, leases: int, partial: int
) -> Job:
    """The view of a job. Its progress is frozen in `progress` once the job has ended.

    `leases` shards are running, and `partial` of their images are finished.
    """
    status = JobStatus(fields[b"status"].decode())
    created, expires = _moment(fields, b"created"), _moment(fields, b"expires")
    assert created is not None and expires is not None  # written by create.lua
    if status in TERMINAL:
        progress = msgspec.json.decode(fields[b"progress"], type=Progress)
    else:
        progress = _progress(fields, failures, leases, partial)
    return Job(
        id=job_id,
        status=status,
        model=fields[b"model"].decode(),
        name=fields.get(b"name", b"").decode(),
        created_at=created,
        expires_at=expires,
        started_at=_moment(fields, b"started"),
        merging_at=_moment(fields, b"merging"),
        finished_at=_moment(fields, b"finished"),
        reason=fields.get(b"reason", b"").decode() or None,
        cancelled=fields.get(b"cancelled") == b"1",
        progress=progress,
    )
