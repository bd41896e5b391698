"""`PUT /v1/jobs/{id}/container-url`: a fresh SAS for a job that has not ended."""

import logging

import msgspec
from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.auth import current_caller
from api.errors import PROBLEM_RESPONSES, RETRY_AFTER, problems
from api.job_service import CANCELLABLE, JobService
from api.job_views import JobView
from api.problems import JobEnded, NoContainer
from api.resources import JobResource, job_resource, json_answer
from api.schemas import ContainerUrlBody, JobPath
from api.source_check import check_same_container
from core.config import Settings
from core.containers.opening import check_container, within
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import AcceptedJob
from core.keys import Caller

logger = logging.getLogger(__name__)

_TAG = Tag(name="jobs", description="One container in, one results file out.")
# Of the three seconds that any answer may take.
_CHECK_SECONDS = 2.7


class ContainerUrls:
    """Takes fresh URLs of the containers of jobs; free of HTTP."""

    def __init__(
        self, settings: Settings, jobs: JobService, store: JobStore, folder: JobFolder
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._store = store
        self._folder = folder

    def renew(self, job_id: str, url: str, caller: Caller) -> JobView:
        """Have the job go on with this URL; the job afterwards.

        Raises JobNotFound, JobGone, JobConflict, InvalidRequest or Unavailable.
        """
        within(_CHECK_SECONDS, lambda: self._check(job_id, url, caller))
        # First the storage, where workers look before they pause the job.
        number = self._folder.add_container_url(job_id, url)
        if not self._store.renew_container(self._renewed(job_id, url, number)):
            raise JobEnded("The job is ending; it needs no fresh URL any more.")
        logger.info("job %s has a fresh URL of its container", job_id)
        return self._jobs.view(job_id, caller)

    def _check(self, job_id: str, url: str, caller: Caller) -> None:
        view = self._jobs.view(job_id, caller)
        before = view.shown.request.container_url
        if view.job.status not in CANCELLABLE:
            raise JobEnded(f"The job is {view.job.status}; it needs no fresh URL any more.")
        if before is None:
            raise NoContainer(
                "The images of this job are URLs of their own, so there is no container to give a "
                "fresh URL of. Cancel the job, and submit the images that are left with new URLs."
            )
        check_same_container(before, url)
        check_container(url, self._settings)

    def _renewed(self, job_id: str, url: str, number: int) -> AcceptedJob:
        job = self._folder.read_shown(job_id)
        request = msgspec.structs.replace(job.request, container_url=url)
        return msgspec.structs.replace(job, request=request, renewals=number)


def container_urls_blueprint(urls: ContainerUrls) -> APIBlueprint:
    blueprint = APIBlueprint(
        "container_urls",
        __name__,
        url_prefix="/v1/jobs",
        abp_tags=[_TAG],
        abp_responses=PROBLEM_RESPONSES,
    )

    @blueprint.put("/<job_id>/container-url", responses={200: JobResource, **problems(409)})
    def renew(path: JobPath, body: ContainerUrlBody) -> Response:
        """Give a job a fresh SAS.

        For a job that is queued, running or paused; a paused one goes on at once. The URL must name
        the same container as before, and is checked as at submission.
        """
        view = urls.renew(path.job_id, body.container_url, current_caller())
        response = json_answer(job_resource(view))
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    return blueprint
