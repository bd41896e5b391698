"""Which jobs results may be taken over from: as `previous_job`, or as the parent of a retry."""

from collections.abc import Callable

from api.job_views import JobView, Shown
from api.problems import JobGone, JobNotEnded, ListCutShort, ListingCutShort, NothingFailed
from core.containers.same import is_same_container
from core.errors import InvalidRequest, JobNotFound
from core.jobs import JobRequest

_POINTER = "/previous_job"

#: What decides how a line of the results looks, beside the image itself.
_SHAPING = (
    *("model", "detection_threshold", "preprocessing"),
    *("truncated_images", "include", "strip_prefix"),
)


def check_previous(request: JobRequest, view: Callable[[str], JobView]) -> None:
    """Whether unchanged images can be taken over from `previous_job`, where one is named.

    `view` shows a job to whoever submits. Raises InvalidRequest, and what `view` raises where it
    cannot tell.
    """
    if request.previous_job is None:
        return
    if request.images is not None or request.images_url is not None:
        raise _refused(
            "Images that are named one by one carry no ETag, so none could be taken over. Leave "
            "previous_job out, or give the container and a prefix."
        )
    try:
        previous = view(request.previous_job)
    except (JobNotFound, JobGone) as error:
        raise _refused("You have no such job; see GET /v1/jobs for those that you have.") from error
    if not previous.job.terminal:
        raise _refused(f"That job is {previous.job.status}; wait until it has ended.")
    _check_alike(request, previous.shown)


def _check_alike(request: JobRequest, shown: Shown) -> None:
    previous = shown.request
    if _is_of_list(shown):
        raise _refused("That job's images were named one by one, without the ETags to compare.")
    if not is_same_container(previous.container_url or "", request.container_url or ""):
        raise _refused(f"That job was about another container: {previous.container_url}.")
    differing = [name for name in _SHAPING if getattr(request, name) != getattr(previous, name)]
    if differing:
        told = ", ".join(f"{name} ({getattr(previous, name)!r} there)" for name in differing)
        raise _refused(
            f"That job's results would not fit, for it was asked for differently: {told}. Ask for "
            "the same, or leave previous_job out."
        )


def _is_of_list(shown: Shown) -> bool:
    """Whether the job's images were named one by one."""
    return shown.images is not None or shown.request.images_url is not None


def _refused(text: str) -> InvalidRequest:
    return InvalidRequest(text, pointer=_POINTER, code="previous_job_unusable")


def check_retriable(view: JobView) -> None:
    """Whether failed images of this job can be tried again. Raises JobConflict."""
    job = view.job
    if not job.terminal:
        raise JobNotEnded(f"The job is {job.status}. Wait until it has ended, or cancel it first.")
    progress = view.final.progress if view.final else job.progress
    if not progress.listing_over:
        raise ListCutShort() if _is_of_list(view.shown) else ListingCutShort()
    if not progress.images_failed and progress.images_done == progress.images:
        raise NothingFailed()
