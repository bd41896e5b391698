"""`PUT /v1/jobs/{id}/priority`: which jobs come first. For admins."""

import logging

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.auth import current_caller, require
from api.errors import PROBLEM_RESPONSES, RETRY_AFTER, problems
from api.job_service import JobService
from api.job_views import JobView
from api.problems import BeingRestored, JobEnded
from api.resources import JobResource, job_resource, json_answer
from api.schemas import JobPath, PriorityBody
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import TERMINAL, JobStatus
from core.keys import Caller, Scope

logger = logging.getLogger(__name__)

_TAG = Tag(name="jobs", description="One container in, one results file out.")


class Priorities:
    """Puts jobs in order; free of HTTP."""

    def __init__(self, jobs: JobService, store: JobStore, folder: JobFolder) -> None:
        self._jobs = jobs
        self._store = store
        self._folder = folder

    def set(self, job_id: str, priority: int, caller: Caller) -> JobView:
        """Let the job go before those with less; the job afterwards.

        Raises JobNotFound, JobGone, JobConflict or Unavailable.
        """
        _refuse_ended(self._jobs.view(job_id, caller).job.status)
        # First the storage, so that the word outlives Redis.
        orders = self._folder.add_priority(job_id, priority)
        status = self._store.order(job_id, priority, orders)
        if status is None:
            raise BeingRestored()
        _refuse_ended(status)
        logger.info("job %s has priority %d", job_id, priority)
        return self._jobs.view(job_id, caller)


def _refuse_ended(status: JobStatus) -> None:
    if status in TERMINAL:
        raise JobEnded(f"The job is {status}; its order no longer matters.")


def priority_blueprint(priorities: Priorities, jobs: JobService) -> APIBlueprint:
    blueprint = APIBlueprint(
        "priority",
        __name__,
        url_prefix="/v1/jobs",
        abp_tags=[_TAG],
        abp_responses=PROBLEM_RESPONSES,
    )

    @blueprint.put("/<job_id>/priority", responses={200: JobResource, **problems(409)})
    def set_priority(path: JobPath, body: PriorityBody) -> Response:
        """Put a job before others, or back among them.

        For admins. New shards of a model go to its running jobs of the highest priority, as long
        as they have any; what runs already is finished. Within one priority, jobs take turns.
        """
        caller = current_caller()
        # Whoever may not see the job is not told that it exists.
        jobs.shown(path.job_id, caller)
        require(Scope.ADMIN)
        view = priorities.set(path.job_id, body.priority, caller)
        response = json_answer(job_resource(view))
        if not view.job.terminal:
            response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    return blueprint
