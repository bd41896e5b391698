"""`/v1/jobs`: submit, show, list, cancel."""

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag

from api.asking import build_request
from api.auth import current_caller
from api.described import NOT_MODIFIED, Answers, answer
from api.errors import PROBLEM_RESPONSES, RETRY_AFTER, problems
from api.headers import check_if_match
from api.idempotency import REPLAYED_HEADER, IdempotencyHeader, once_of
from api.job_service import JobService
from api.job_views import JobView
from api.queries import JobsQuery, SubmitQuery
from api.report_resources import ReportResource, report_resource
from api.resources import (
    JobResource,
    JobsPage,
    job_resource,
    job_summary,
    job_url,
    json_answer,
)
from api.schemas import JobBody, JobPath
from core.config import Settings
from core.logs import bind

_TAG = Tag(name="jobs", description="One container in, one results file out.")

_ACCEPTED: Answers = {
    200: answer(ReportResource, description="With `validate_only`: what the job would find."),
    202: answer(
        JobResource,
        *("Location", "Retry-After", REPLAYED_HEADER),
        description="Accepted: it will be done.",
    ),
    **problems(409),
}
_CANCELLED: Answers = {
    200: answer(JobResource, "Retry-After", description="Cancelling was asked for before."),
    202: answer(JobResource, "Retry-After", description="What is finished will be merged."),
    **problems(409),
}
_SHOWN: Answers = {
    200: answer(JobResource, "ETag", "Retry-After"),
    304: NOT_MODIFIED,
    **problems(412),
}


def jobs_blueprint(service: JobService, settings: Settings) -> APIBlueprint:
    blueprint = APIBlueprint(
        "jobs", __name__, url_prefix="/v1/jobs", abp_tags=[_TAG], abp_responses=PROBLEM_RESPONSES
    )

    @blueprint.post("", responses=_ACCEPTED)
    def submit(query: SubmitQuery, header: IdempotencyHeader, body: JobBody) -> Response:
        """Submit a job.

        What is cheap to check is checked at once; the images are listed after the answer. With
        `validate_only` one page is listed and one image read at once, and nothing is accepted.
        """
        once = once_of(header, "submit", body)
        job_request = build_request(body, settings)
        if query.validate_only:
            return jsonify(report_resource(service.report(job_request, current_caller())))
        return accepted(service.submit(job_request, current_caller(), once))

    @blueprint.post("/<job_id>/cancel", responses=_CANCELLED)
    def cancel(path: JobPath) -> Response:
        """Cancel a job.

        What is finished is merged and can be had as results. Asking again changes nothing.
        """
        view, began = service.cancel(path.job_id, current_caller())
        return _answer(view, 202 if began else 200)

    _add_reading(blueprint, service)
    return blueprint


def _add_reading(blueprint: APIBlueprint, service: JobService) -> None:
    @blueprint.get("", responses={200: JobsPage, **problems(400)})
    def show_all(query: JobsQuery) -> Response:
        """List jobs, newest first.

        Many jobs that do not fit the filters are looked at in several pages: one may be short, or
        empty, and have a `next_cursor` all the same.
        """
        jobs, cursor = service.list_jobs(
            current_caller(), limit=query.limit, cursor=query.cursor, wanted=query.wanted()
        )
        return json_answer(JobsPage(data=[job_summary(job) for job in jobs], next_cursor=cursor))

    @blueprint.get("/<job_id>", responses=_SHOWN)
    def show(path: JobPath) -> Response:
        """Show a job.

        A client that polls sends the `ETag` of the last answer as `If-None-Match`, and gets an
        empty 304 while nothing has changed.
        """
        response = _answer(service.view(path.job_id, current_caller()), 200)
        check_if_match()  # which asks for more than the weak ETag of a poll tells
        response.add_etag(weak=True)
        if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
            response.status_code = 304
        return response


def accepted(view: JobView) -> Response:
    """The answer to a submission: to the first, and to each that repeats it."""
    bind(job_id=view.job.id)  # the log names it until the request is over
    response = _answer(view, 202)
    response.headers["Location"] = job_url(view.job.id)
    if view.replayed:
        response.headers[REPLAYED_HEADER] = "true"
    return response


def _answer(view: JobView, status: int) -> Response:
    response = json_answer(job_resource(view), status)
    if not view.job.terminal:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response
