"""What the API answers with: the shapes, and how they are made from our own types."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from flask import Response, url_for
from pydantic import BaseModel, ConfigDict, Field

from api.job_service import CANCELLABLE
from api.job_views import JobView
from core.catalog import Model
from core.jobs import Event, FileKind, FinalRecord, Job, JobStatus

# Where the files of a job stand below it.
_FILES = {
    FileKind.RESULTS: "results",
    FileKind.FAILED_IMAGES: "failed-images",
    FileKind.IMAGE_LIST: "image-list",
}


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ProgressResource(_Answer):
    """How far a job is. More images and shards appear while listing goes on."""

    listing_over: bool
    images: int
    images_done: int
    images_failed: int
    images_kept: int = Field(description="Of those done: taken over from an earlier job.")
    failures: dict[str, int] = Field(description="Images that failed, by code.")
    skipped: dict[str, int] = Field(description="Files that listing passed over, by suffix.")
    duplicates: int
    shards: int
    shards_done: int
    shards_running: int


def _is_absent(value: object) -> bool:
    return value is None


# Left out of the answer where there is no such address.
_Address = Annotated[str | None, Field(exclude_if=_is_absent)]


class LinksResource(_Answer):
    """Where to go on. Files are there when the job has ended, `cancel` while it is possible."""

    self: str
    results: _Address = None
    failed_images: _Address = None
    image_list: _Address = None
    cancel: _Address = None


class FileResource(_Answer):
    """A file that a job ended with."""

    bytes: int
    sha256: str


class WebhookResource(_Answer):
    """Where the job tells what happens to it."""

    url: str = Field(description="Scheme and host alone: the rest may be a secret.")
    events: list[Event]


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
    format_version: str
    metadata: dict[str, str]
    previous_job: str | None = Field(description="Where unchanged images were taken over from.")
    webhook: WebhookResource | None


class JobSummary(_Answer):
    """A job as a list shows it."""

    id: str
    name: str
    caller: str = Field(description="Who the job belongs to.")
    parent: str | None = Field(description="The job whose failed images this one tries again.")
    status: JobStatus = Field(description="Read a status that you do not know as `running`.")
    model: str
    created_at: datetime
    started_at: datetime | None
    merging_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    sas_expires_at: datetime | None = Field(
        description="When the container's SAS ends, as the SAS itself says."
    )
    priority: int = Field(
        description="0 to 9, as an admin said: shards of a higher one go first. 0 after the end."
    )
    reason: str | None = Field(description="Why the job failed or is paused.")
    waiting_for_workers: bool = Field(description="No live worker serves the job's model.")
    progress: ProgressResource
    images_per_second: float | None = Field(
        description="Over the last two minutes, while the job runs; null while not known."
    )
    seconds_left: int | None = Field(
        description="At that rate; null while listing goes on, or nothing can be said."
    )
    links: LinksResource


class JobResource(JobSummary):
    """A job."""

    request: RequestResource
    results: FileResource | None
    failed_images: FileResource | None = Field(description="The images that failed, as a list.")
    image_list: FileResource | None = Field(description="The images of the results, as a list.")


class JobsPage(_Answer):
    """Some jobs, newest first."""

    data: list[JobSummary]
    next_cursor: str | None = Field(
        None, description="Absent on the last page.", exclude_if=_is_absent
    )


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


def job_summary(job: Job) -> JobSummary:
    """A job of a list."""
    return JobSummary.model_validate({**msgspec.structs.asdict(job), "links": _links(job, None)})


def job_resource(view: JobView) -> JobResource:
    """The whole job."""
    request = msgspec.structs.asdict(view.shown.request)
    seed = view.shown.request.sample_seed if view.shown.request.sample_n else None
    return JobResource.model_validate(
        {
            **msgspec.structs.asdict(view.job),
            "links": _links(view.job, view.final),
            "request": {**request, "images": view.shown.images, "sample_seed": seed},
            **{kind.value: _file(view.final, kind) for kind in FileKind},
        }
    )


def model_resource(model: Model, *, default: bool, workers: int) -> ModelResource:
    fields = {**msgspec.structs.asdict(model), "default": default, "workers": workers}
    return ModelResource.model_validate(fields)


def json_answer(resource: BaseModel, status: int = 200) -> Response:
    """An answer that shows this. Polls are most of what is asked for, so it is made in one go."""
    return Response(resource.model_dump_json(), status, mimetype="application/json")


def job_url(job_id: str) -> str:
    return url_for("jobs.show", job_id=job_id, _external=True)


def _links(job: Job, final: FinalRecord | None) -> dict[str, str]:
    url = job_url(job.id)
    links = {"self": url}
    for kind, path in _FILES.items():
        if final is not None and final.file(kind) is not None:
            links[kind] = f"{url}/{path}"
    if job.status in CANCELLABLE:
        links["cancel"] = f"{url}/cancel"
    return links


def _file(final: FinalRecord | None, kind: FileKind) -> dict[str, Any] | None:
    file = final and final.file(kind)
    return {"bytes": file.bytes, "sha256": file.digest} if file else None
