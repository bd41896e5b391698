"""`POST /v1/jobs/{id}/retry-failed`: a new job that tries a job's failed images again."""

import msgspec
from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.asking import webhook_of
from api.auth import current_caller
from api.described import Answers, answer
from api.earlier_jobs import check_retriable
from api.errors import PROBLEM_RESPONSES, problems
from api.idempotency import REPLAYED_HEADER, IdempotencyHeader, Once, once_of
from api.job_service import Asked, JobService
from api.job_views import JobView
from api.jobs import accepted
from api.problems import JobGone
from api.resources import JobResource
from api.schemas import JobPath, RetryBody
from api.source_check import check_same_container, check_urls_last
from core.errors import InvalidRequest
from core.job_folder import JobFolder
from core.jobs import JobRequest
from core.keys import Caller

_TAG = Tag(name="jobs", description="One container in, one results file out.")

_ACCEPTED: Answers = {
    202: answer(
        JobResource,
        *("Location", "Retry-After", REPLAYED_HEADER),
        description="Accepted: it will be done.",
    ),
    **problems(409),
}


class Retries:
    """Tries failed images again; free of HTTP."""

    def __init__(self, jobs: JobService, folder: JobFolder) -> None:
        self._jobs = jobs
        self._folder = folder

    def retry(self, job_id: str, body: RetryBody, caller: Caller, once: Once | None) -> JobView:
        """Accept the job that tries the failed images of this one again.

        Raises JobNotFound, JobGone, JobConflict where there is nothing to try again, and what
        `JobService.submit` raises.
        """
        return self._jobs.accept(lambda: self._asked(job_id, body, caller), caller, once)

    def _asked(self, job_id: str, body: RetryBody, caller: Caller) -> Asked:
        view = self._jobs.view(job_id, caller)
        check_retriable(view)
        try:
            parent = self._folder.read_job(job_id)
        except FileNotFoundError as error:
            raise JobGone() from error  # in this moment
        _check_container(view.shown.request.container_url, body.container_url)
        check_urls_last(parent.request)
        request = _overridden(parent.request, body)
        # Also where an admin asks: whoever sees the parent sees what became of it.
        return Asked(request, parent.caller, parent=job_id)


def _check_container(before: str | None, fresh: str | None) -> None:
    """`before` is without its secrets. Raises InvalidRequest."""
    if fresh is None:
        return
    if before is None:
        raise InvalidRequest(
            "The images of that job are URLs of their own, so there is no container to give a "
            "fresh URL of. Submit the images that failed with new URLs.",
            pointer="/container_url",
        )
    check_same_container(before, fresh)


def _overridden(parent: JobRequest, body: RetryBody) -> JobRequest:
    """What the parent was asked for, with what is said anew."""
    said = {
        "container_url": body.container_url,
        "truncated_images": body.truncated_images,
        "name": body.name,
        "metadata": body.metadata,
        "webhook": webhook_of(body.webhook),
    }
    given = {name: value for name, value in said.items() if value is not None}
    # What the parent took over stands in its own results.
    return msgspec.structs.replace(parent, **given, previous_job=None)


def retries_blueprint(retries: Retries) -> APIBlueprint:
    blueprint = APIBlueprint(
        "retries",
        __name__,
        url_prefix="/v1/jobs",
        abp_tags=[_TAG],
        abp_responses=PROBLEM_RESPONSES,
    )

    @blueprint.post("/<job_id>/retry-failed", responses=_ACCEPTED)
    def retry_failed(path: JobPath, header: IdempotencyHeader, body: RetryBody) -> Response:
        """Try the failed images of a job again.

        The job must have ended. A new job is made with the same images and settings: what succeeded
        is taken over, and what failed, or was not reached before a cancelling, is processed as it
        is in the container now. Its results are whole. The body may be left out.
        """
        once = once_of(header, f"retry-failed {path.job_id}", body)
        return accepted(retries.retry(path.job_id, body, current_caller(), once))

    return blueprint
