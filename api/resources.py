"""What the API answers with: the shapes, and how they are made from our own types."""

from datetime import datetime
from typing import Any

import msgspec
from flask import url_for
from pydantic import BaseModel, ConfigDict, Field

from api.job_service import CANCELLABLE, JobView
from core.catalog import Model
from core.jobs import FinalRecord, Job, JobStatus


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ProgressResource(_Answer):
    """How far a job is. More images and shards appear while listing goes on."""

    listing_over: bool
    images: int
    images_done: int
    images_failed: int
    failures: dict[str, int] = Field(description="Images that failed, by code.")
    skipped: dict[str, int] = Field(description="Files that listing passed over, by suffix.")
    duplicates: int
    shards: int
    shards_done: int
    shards_running: int


class LinksResource(_Answer):
    """Where to go on. `results` is there when there are any, `cancel` while it is possible."""

    self: str
    results: str | None = None
    cancel: str | None = None


class ResultsResource(_Answer):
    """The results file that a job ended with."""

    bytes: int
    sha256: str


class RequestResource(_Answer):
    """What was asked for, with every default filled in and nothing secret."""

    container_url: str | None
    images_url: str | None
    images: int | None = Field(description="How many images an inline list named.")
    prefix: str
    strip_prefix: str
    first_n: int | None
    sample_n: int | None
    sample_seed: int | None
    model: str
    detection_threshold: float
    name: str
    truncated_images: str
    preprocessing: str
    include: list[str]
    metadata: dict[str, str]


class JobSummary(_Answer):
    """A job as a list shows it."""

    id: str
    name: str
    status: JobStatus = Field(description="Read a status that you do not know as `running`.")
    model: str
    created_at: datetime
    started_at: datetime | None
    merging_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    reason: str | None = Field(description="Why the job failed or is paused.")
    waiting_for_workers: bool = Field(description="No live worker serves the job's model.")
    progress: ProgressResource
    links: LinksResource


class JobResource(JobSummary):
    """A job."""

    request: RequestResource
    results: ResultsResource | None


class JobsPage(_Answer):
    """Some jobs, newest first."""

    data: list[JobSummary]
    next_cursor: str | None = Field(None, description="Absent on the last page.")


class ModelResource(_Answer):
    """A model that jobs may name."""

    name: str
    version: str
    detector: str = Field(description="As `info.detector` of a results file names it.")
    description: str
    categories: dict[str, str]
    detection_threshold: float
    typical_threshold: float
    conservative_threshold: float
    licence: str
    default: bool = Field(description="Whether jobs that name no model get this one.")
    workers: int = Field(description="Live detection workers.")


class ModelsResource(_Answer):
    data: list[ModelResource]


def job_summary(job: Job) -> dict[str, Any]:
    """A job of a list, as JSON values."""
    links = _links(job, None)
    return _json(JobSummary.model_validate({**msgspec.structs.asdict(job), "links": links}))


def job_resource(view: JobView) -> dict[str, Any]:
    """The whole job, as JSON values."""
    request = msgspec.structs.asdict(view.shown.request)
    seed = view.shown.request.sample_seed if view.shown.request.sample_n else None
    resource = JobResource.model_validate(
        {
            **msgspec.structs.asdict(view.job),
            "links": _links(view.job, view.final),
            "request": {**request, "images": view.shown.images, "sample_seed": seed},
            "results": _results(view.final),
        }
    )
    return _json(resource)


def model_resource(model: Model, *, default: bool, workers: int) -> dict[str, Any]:
    fields = {**msgspec.structs.asdict(model), "default": default, "workers": workers}
    return _json(ModelResource.model_validate(fields))


def job_url(job_id: str) -> str:
    return url_for("jobs.show", job_id=job_id, _external=True)


def _links(job: Job, final: FinalRecord | None) -> dict[str, str]:
    links = {"self": job_url(job.id)}
    if final is not None and final.results is not None:
        links["results"] = url_for("results.download", job_id=job.id, _external=True)
    if job.status in CANCELLABLE:
        links["cancel"] = url_for("jobs.cancel", job_id=job.id, _external=True)
    return links


def _results(final: FinalRecord | None) -> dict[str, Any] | None:
    if final is None or final.results is None:
        return None
    return {"bytes": final.results_bytes, "sha256": final.results_digest}


def _json(resource: BaseModel) -> dict[str, Any]:
    values = resource.model_dump(mode="json")
    values_links = values.get("links")
    if values_links is not None:
        values["links"] = {name: url for name, url in values_links.items() if url is not None}
    return values
