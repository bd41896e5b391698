"""A job as its fields in Redis tell it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from core.containers.sas import parse_sas
from core.jobs import TERMINAL, AcceptedJob, Job, JobStatus, Progress
from core.pace import rate_between, read_sample, with_pace

Fields = Mapping[str, str]


class StoredJob(msgspec.Struct, frozen=True):
    """What `core/lua/view.lua` tells of a job."""

    id: str
    fields: dict[str, str]
    #: Failed images, by code.
    failures: dict[str, int]
    #: Shards that run, and how many of their images are finished.
    leases: int
    partial: int
    #: The oldest and the newest note of its pace; empty where there is none.
    oldest: str
    newest: str
    #: Live workers of its model.
    workers: int


class StoredJobs(msgspec.Struct, frozen=True):
    """Jobs at one moment of Redis's clock, in milliseconds."""

    now: int
    jobs: list[StoredJob]


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


def _moment(fields: Fields, name: str) -> datetime | None:
    text = fields.get(name)
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None


def _progress(stored: StoredJob) -> Progress:
    fields = stored.fields

    def number(name: str) -> int:
        return int(fields.get(name, 0))

    return Progress(
        listing_over=fields["listing"] == "0",
        images=number("images"),
        images_done=number("images_done") + stored.partial,
        images_failed=number("images_failed"),
        images_kept=number("images_kept"),
        failures={code: images for code, images in sorted(stored.failures.items()) if images},
        skipped=msgspec.json.decode(fields.get("skipped", "{}"), type=dict[str, int]),
        duplicates=number("duplicates"),
        shards=number("shards"),
        shards_done=number("shards_done"),
        shards_running=stored.leases,
    )


def job_view(stored: StoredJob, now: int) -> Job:
    """The view of a job at this moment. Its progress is frozen in a field once it has ended."""
    fields = stored.fields
    status = JobStatus(fields["status"])
    created, expires = _moment(fields, "created"), _moment(fields, "expires")
    assert created is not None and expires is not None  # written by create.lua
    if status in TERMINAL:
        progress = msgspec.json.decode(fields["progress"], type=Progress)
    else:
        progress = _progress(stored)
    job = Job(
        id=stored.id,
        status=status,
        model=fields["model"],
        name=fields.get("name", ""),
        caller=fields["caller"],
        parent=fields.get("parent") or None,
        created_at=created,
        expires_at=expires,
        started_at=_moment(fields, "started"),
        merging_at=_moment(fields, "merging"),
        finished_at=_moment(fields, "finished"),
        reason=fields.get("reason") or None,
        cancelled=fields.get("cancelled") == "1",
        progress=progress,
        sas_expires_at=_moment(fields, "sas_expires"),
        priority=int(fields.get("priority", 0)),
        waiting_for_workers=status not in TERMINAL and not stored.workers,
    )
    rate = rate_between(read_sample(stored.oldest), read_sample(stored.newest), now)
    return with_pace(job, rate)
