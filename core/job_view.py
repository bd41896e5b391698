"""A job as its fields in Redis tell it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from core.containers.sas import parse_sas
from core.jobs import TERMINAL, AcceptedJob, Job, JobStatus, Progress

Fields = Mapping[bytes, bytes]


def milliseconds(moment: datetime) -> int:
    return round(1000 * moment.timestamp())


def fields_of(job: AcceptedJob) -> dict[str, str | int]:
    """The fields that a job has in Redis from its creation on."""
    request = job.request
    fields: dict[str, str | int] = {
        "model": request.model,
        "name": request.name,
        "caller": job.caller,
        "created": milliseconds(job.created_at),
        "expires": milliseconds(job.expires_at),
    }
    if job.parent:
        fields["parent"] = job.parent
    sas_expires = parse_sas(request.container_url or "").expires
    if sas_expires:
        fields["sas_expires"] = milliseconds(sas_expires)
    if job.renewals:
        fields["urls"] = job.renewals
    if job.orders:
        fields |= {"orders": job.orders, "priority": job.priority}
    if request.webhook:
        fields["events"] = " ".join(request.webhook.events)
    return fields


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
        images_kept=number(b"images_kept"),
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
        caller=fields[b"caller"].decode(),
        parent=fields.get(b"parent", b"").decode() or None,
        created_at=created,
        expires_at=expires,
        started_at=_moment(fields, b"started"),
        merging_at=_moment(fields, b"merging"),
        finished_at=_moment(fields, b"finished"),
        reason=fields.get(b"reason", b"").decode() or None,
        cancelled=fields.get(b"cancelled") == b"1",
        progress=progress,
        sas_expires_at=_moment(fields, b"sas_expires"),
        priority=int(fields.get(b"priority", 0)),
    )
