"""What the page of a job shows, worked out of the job's view. Pure but for the addresses."""

from collections.abc import Mapping

import msgspec
from flask import url_for

from api.job_views import JobView
from api.page_access import Viewer
from api.wording import FAILURES, MEANINGS, duration
from core.containers.listing import VIDEO_SUFFIXES
from core.jobs import FileKind, Job, JobStatus, StoredFile
from core.links import Gives

#: Seconds until the page of a job that has not ended is loaded again.
REFRESH_SECONDS = 10

_FILES = {
    FileKind.RESULTS: (Gives.RESULTS, "Results file", "for Timelapse and other programs"),
    FileKind.FAILED_IMAGES: (Gives.FAILED_IMAGES, "Failed images", "their names, as a list"),
    FileKind.IMAGE_LIST: (Gives.IMAGE_LIST, "Image list", "the names of all images, in order"),
}


class Row(msgspec.Struct, frozen=True):
    """How many of what, and why."""

    count: int
    name: str
    text: str = ""


class FileRow(msgspec.Struct, frozen=True):
    """A file that can be downloaded."""

    url: str
    title: str
    text: str
    #: Bytes.
    size: int


class JobPage(msgspec.Struct, frozen=True):
    """Everything that the template asks for."""

    view: JobView
    title: str
    meaning: str
    speed: str
    failures: list[Row]
    skipped: list[Row]
    has_videos: bool
    files: list[FileRow]
    #: Name and value of what was asked for.
    asked: list[tuple[str, str]]
    #: Seconds; None for a job that has ended.
    refresh: int | None


def job_page(view: JobView, viewer: Viewer) -> JobPage:
    progress = view.job.progress
    return JobPage(
        view=view,
        title=view.job.name or f"Job {view.job.id}",
        meaning=_meaning(view.job),
        speed=_speed(view.job),
        failures=[_failure(code, count) for code, count in _most_first(progress.failures)],
        skipped=[Row(n, suffix or "no suffix") for suffix, n in _most_first(progress.skipped)],
        has_videos=not VIDEO_SUFFIXES.isdisjoint(progress.skipped),
        files=_files(view, viewer),
        asked=_asked(view),
        refresh=None if view.job.terminal else REFRESH_SECONDS,
    )


def _meaning(job: Job) -> str:
    if job.waiting_for_workers and job.status in (JobStatus.QUEUED, JobStatus.RUNNING):
        return f"The job waits: no worker runs the model {job.model} now. It goes on when one does."
    return MEANINGS[job.status]


def _speed(job: Job) -> str:
    """Such as `12.5 images a second, about 3 hours left`; empty where nothing is known."""
    words = []
    if job.images_per_second is not None:
        words.append(f"{job.images_per_second:.3g} images a second")
    if job.seconds_left is not None:
        words.append(f"about {duration(job.seconds_left)} left".replace("about less", "less"))
    return ", ".join(words)


def _failure(code: str, count: int) -> Row:
    return Row(count, code, FAILURES.get(code, ""))


def _most_first(numbers: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))


def _files(view: JobView, viewer: Viewer) -> list[FileRow]:
    """What stands and this viewer may have, in the order of `_FILES`."""
    if view.final is None:
        return []
    found = ((kind, view.final.file(kind)) for kind in _FILES)
    return [
        _file(view.job.id, kind, file, viewer.token)
        for kind, file in found
        if file is not None and _FILES[kind][0] in viewer.gives
    ]


def _file(job_id: str, kind: FileKind, file: StoredFile, token: str | None) -> FileRow:
    gives, title, text = _FILES[kind]
    url = url_for("pages.file", job_id=job_id, name=gives.value, link=token)
    return FileRow(url, title, text, file.bytes)


def _asked(view: JobView) -> list[tuple[str, str]]:
    """What differs from saying nothing, in words."""
    request = view.shown.request
    values: dict[str, object] = {
        "Container": request.container_url,
        "List of images": request.images_url,
        "Images named in the request": view.shown.images,
        "Only names that start with": request.prefix,
        "Taken off the front of names": request.strip_prefix,
        "Only the first": request.first_n,
        "A sample of": request.sample_n,
        "Model": request.model,
        "Detections above": request.detection_threshold,
        "Truncated images": {"fail": "fail", "accept": "accepted"}[request.truncated_images],
        "Preprocessing": request.preprocessing,
        "Added to each image": ", ".join(request.include),
        "Version of the results format": request.format_version,
        "Taken over from the job": request.previous_job,
        **{f"metadata: {key}": value for key, value in request.metadata.items()},
    }
    return [(name, str(value)) for name, value in values.items() if value not in (None, "")]
