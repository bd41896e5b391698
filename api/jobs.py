"""`/v1/jobs`: submit, show, list, cancel."""

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag

from api.asking import build_request
from api.cursor import cut_page, decode_cursor
from api.errors import PROBLEM_RESPONSES, RETRY_AFTER
from api.job_service import JobService, JobView
from api.resources import JobResource, JobsPage, job_resource, job_summary, job_url
from api.schemas import JobBody, JobPath, JobsQuery
from core.config import Settings

_TAG = Tag(name="jobs", description="One container in, one results file out.")


def jobs_blueprint(service: JobService, settings: Settings) -> APIBlueprint:
    blueprint = APIBlueprint(
        "jobs", __name__, url_prefix="/v1/jobs", abp_tags=[_TAG], abp_responses=PROBLEM_RESPONSES
    )

    @blueprint.post("", responses={202: JobResource})
    def submit(body: JobBody) -> Response:
        """Submit a job.

        What is cheap to check is checked at once; the images are listed after the answer.
        """
        view = service.submit(build_request(body, settings))
        response = _answer(view, 202)
        response.headers["Location"] = job_url(view.job.id)
        return response

    @blueprint.post("/<job_id>/cancel", responses={200: JobResource, 202: JobResource})
    def cancel(path: JobPath) -> Response:
        """Cancel a job.

        What is finished is merged and can be had as results. Asking again changes nothing.
        """
        view, began = service.cancel(path.job_id)
        return _answer(view, 202 if began else 200)

    _add_reading(blueprint, service)
    return blueprint


def _add_reading(blueprint: APIBlueprint, service: JobService) -> None:
    @blueprint.get("", responses={200: JobsPage})
    def show_all(query: JobsQuery) -> Response:
        """List jobs, newest first."""
        before = decode_cursor(query.cursor) if query.cursor else None
        jobs, cursor = cut_page(service.list_jobs(query.limit + 1, before), query.limit)
        page = {"data": [job_summary(job) for job in jobs]}
        return jsonify(page | {"next_cursor": cursor} if cursor else page)

    @blueprint.get("/<job_id>", responses={200: JobResource})
    def show(path: JobPath) -> Response:
        """Show a job.

        A client that polls sends the `ETag` of the last answer as `If-None-Match`, and gets an
        empty 304 while nothing has changed.
        """
        response = _answer(service.view(path.job_id), 200)
        response.add_etag(weak=True)
        response.make_conditional(request)
        return response


def _answer(view: JobView, status: int) -> Response:
    response = jsonify(job_resource(view))
    response.status_code = status
    if not view.job.terminal:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response
