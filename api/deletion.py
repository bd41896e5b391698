"""`DELETE /v1/jobs/{id}`: a job that has ended goes, with all that it owns."""

import logging

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.auth import current_caller
from api.errors import PROBLEM_RESPONSES, problems
from api.job_service import JobService
from api.problems import JobDamaged, JobGone, JobNotEnded, RetryStillRuns
from api.schemas import JobPath
from core.containers.opening import within
from core.deletion import delete_job, live_child, read_ended
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import utc_now
from core.keys import Caller

logger = logging.getLogger(__name__)

_TAG = Tag(name="jobs", description="One container in, one results file out.")
# Of the three seconds that any answer may take.
_SECONDS = 2.8


class Deletion:
    """Deletes jobs; free of HTTP."""

    def __init__(self, jobs: JobService, store: JobStore, folder: JobFolder) -> None:
        self._jobs = jobs
        self._store = store
        self._folder = folder

    def delete(self, job_id: str, caller: Caller) -> None:
        """Delete a job; one that was deleted already stays so.

        Raises JobNotFound, JobConflict while it has not ended or is still needed, or is damaged as
        a whole, or Unavailable:
        then asking again goes on where this call was.
        """
        within(_SECONDS, lambda: self._delete(job_id, caller))

    def _delete(self, job_id: str, caller: Caller) -> None:
        try:
            self._check_ended(job_id, caller)
        except JobGone:
            return
        child = live_child(self._folder, job_id)
        if child:
            raise RetryStillRuns(
                f"The job {child} tries this one's failed images again, and needs its image list. "
                "Delete this job after the end of that one, or cancel that one first."
            )
        try:
            job, final = read_ended(self._folder, job_id)
        except FileNotFoundError:
            return  # somebody else deletes it at the same time
        except ValueError as error:
            raise JobDamaged() from error
        delete_job(self._folder, self._store, job, final, utc_now())
        logger.info("job %s is deleted", job_id)

    def _check_ended(self, job_id: str, caller: Caller) -> None:
        """Raises JobNotEnded, and what `JobService.view` raises of a job that is not damaged."""
        try:
            job = self._jobs.view(job_id, caller).job
        except JobDamaged:
            if self._folder.is_live(job_id):
                raise
            return
        if not job.terminal:
            raise JobNotEnded(
                f"The job is {job.status}. Cancel it first, and delete it once it has ended."
            )


def deletion_blueprint(deletion: Deletion) -> APIBlueprint:
    blueprint = APIBlueprint(
        "deletion",
        __name__,
        url_prefix="/v1/jobs",
        abp_tags=[_TAG],
        abp_responses=PROBLEM_RESPONSES,
    )

    @blueprint.delete("/<job_id>", responses={204: None, **problems(409)})
    def delete(path: JobPath) -> Response:
        """Delete a job.

        It must have ended. Its results, its image list and its SAS go with it, and from then on
        whatever is asked about it is answered with 410; deleting it once more changes nothing.
        """
        deletion.delete(path.job_id, current_caller())
        return Response(status=204)

    return blueprint
