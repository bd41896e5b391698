"""A job over the images that failed in another one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.client import Client, ServedJob
from cli.container_source import is_folder
from core.errors import InvalidRequest
from core.results.format import ImageResult
from core.results.reader import open_results

#: A submission names so many images at most.
MOST_IMAGES = 10_000

#: What a new job takes over from the one before, unless it is told otherwise.
_KEPT = (
    *("model", "detection_threshold", "truncated_images", "preprocessing"),
    *("include", "metadata", "name", "strip_prefix"),
)


def fields_of_failed(client: Client, job_id: str) -> dict[str, Any]:
    """What `POST /v1/jobs` is told in order to try the failed images of a job again.

    The container is among it where it is a local folder: the service keeps a SAS URL to itself.
    Raises InvalidRequest when no image failed, or more than `MOST_IMAGES`, and as Client does.
    """
    job = client.job(job_id)
    asked_for = job.asked_for
    strip_prefix = asked_for.get("strip_prefix") or ""
    kept = {name: asked_for.get(name) for name in _KEPT}
    fields = {name: value for name, value in kept.items() if value not in (None, "", [], {})}
    fields["images"] = _failed_images(client, job, strip_prefix)
    if strip_prefix:
        fields["prefix"] = strip_prefix  # which the service wants to start with it
    container = asked_for.get("container_url")
    if container and is_folder(container):
        fields["container_url"] = container
    return fields


def _failed_images(client: Client, job: ServedJob, strip_prefix: str) -> list[Any]:
    images: list[Any] = []
    count = 0
    for image in _failed(client, job.id):
        count += 1
        if count <= MOST_IMAGES:
            name = strip_prefix + image.file
            images.append([name, image.meta] if image.meta is not None else name)
    if not images:
        raise InvalidRequest(f"No image failed in the job {job.id}; there is nothing to try again.")
    if count > MOST_IMAGES:
        raise InvalidRequest(
            f"{count:,} images failed in the job {job.id}, and {MOST_IMAGES:,} can be submitted by "
            "name. Submit the whole container again, or put the names behind --images-url."
        )
    return images


def _failed(client: Client, job_id: str) -> Iterator[ImageResult]:
    """Reads the results file by lines: a job may have millions of images."""
    with tempfile.TemporaryDirectory(prefix="megabatch-") as folder:
        path = Path(folder) / "results.json"
        client.download_results(job_id, path)
        yield from (image for image in open_results(path).images() if image.failure is not None)
