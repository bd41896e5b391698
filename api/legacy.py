"""`/v2/camera-trap/detection-batch`: the API of 2019, for programs that were written then.

It asks for no key: submitting takes the name of a caller that the operator has allowed, and the
id of a task cannot be guessed. Its errors are `{"error": text}`.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag
from werkzeug.exceptions import HTTPException

from api.auth import Keys
from api.errors import answer_http_exception, answer_megabatch_error, answer_unknown
from api.job_service import JobService
from api.job_views import JobView
from api.legacy_described import ACCEPTED, BODY, PLAIN, TASK, VERSIONS, TaskPath, refused
from api.legacy_request import build_legacy_request, legacy_models, legacy_version, read_caller
from api.legacy_status import (
    in_words_of_then,
    is_whole,
    job_id_of,
    output_names,
    request_id,
    task,
)
from api.link_service import LINK_READER, LinkService
from api.links import link_urls
from api.problems import CallerNotAllowed, JobExpired, JobGone, TaskUnknown
from core.catalog import find_model
from core.config import Settings
from core.containers.opening import within
from core.errors import MegaBatchError
from core.jobs import FinalRecord, utc_now
from core.keys import Caller, Scope
from core.links import Gives, Link

_PREFIX = "/v2/camera-trap/detection-batch"
_TAG = Tag(name="2019", description="For programs that were written for the service of 2019.")

#: Days that the links to output files work, as they did.
_LINK_DAYS = 90

_FILES = {
    "detections": Gives.RESULTS,
    "failed_images": Gives.FAILED_IMAGES,
    "images": Gives.IMAGE_LIST,
}
_BAD_REQUEST, _UNPROCESSABLE = 400, 422
# Of the three seconds that any answer may take.
_SECONDS = 2.8

_Made = tuple[Link, str]


def legacy_blueprint(
    service: JobService, links: LinkService, keys: Keys, settings: Settings
) -> APIBlueprint:
    blueprint = APIBlueprint("legacy", __name__, url_prefix=_PREFIX, abp_tags=[_TAG])
    _handle_errors(blueprint)
    _add_models(blueprint, settings)

    @blueprint.post(
        "/request_detections", responses=ACCEPTED, deprecated=True, openapi_extensions=BODY
    )
    def request_detections() -> Response:
        """Submit a job as in 2019."""
        body = request.get_json()
        caller = read_caller(body)
        if caller not in keys.legacy_callers():
            raise CallerNotAllowed()
        who = Caller(caller, frozenset({Scope.SUBMIT}))
        view = service.submit(build_legacy_request(body, settings), who, legacy=True)
        return jsonify({"request_id": request_id(view.job.id)})

    @blueprint.get("/task/<task_id>", responses=TASK, deprecated=True)
    def show_task(path: TaskPath) -> Response:
        """Show a job as in 2019."""

        def found() -> tuple[JobView, _Made | None]:
            view = _view(service, path.task_id)
            return view, _output_link(links, view)

        view, made = within(_SECONDS, found)
        return jsonify(task(view.job, _output_urls(view.job.id, *made) if made else {}))

    return blueprint


def _add_models(blueprint: APIBlueprint, settings: Settings) -> None:
    told = {**PLAIN, **refused(429, 500)}

    @blueprint.get("/", responses=told, deprecated=True)
    def health() -> Response:
        """Whether the service answers."""
        return Response("Health check OK", mimetype="text/plain")

    @blueprint.get("/default_model_version", responses=told, deprecated=True)
    def default_model_version() -> Response:
        """Name the model of jobs that name none."""
        model = find_model(settings.default_model, settings.model_files)
        return Response(legacy_version(model), mimetype="text/plain")

    @blueprint.get("/supported_model_versions", responses=VERSIONS, deprecated=True)
    def supported_model_versions() -> Response:
        """List the models that can be asked for."""
        return jsonify(list(legacy_models(settings)))


def _view(service: JobService, task_id: str) -> JobView:
    """Raises TaskUnknown for all that did not come in by this API."""
    job_id = job_id_of(task_id)
    if job_id is None:
        raise TaskUnknown()
    view = service.view(job_id, LINK_READER)
    if not view.shown.legacy:
        raise TaskUnknown()
    return view


def _output_link(links: LinkService, view: JobView) -> _Made | None:
    """The link that gives the output files, and its token; None where there is nothing to give."""
    final = view.final
    if final is None or not is_whole(final):
        return None
    called = output_names(view.job, final.finished_at)
    names = {gives: called[key] for key, gives in _FILES.items()}
    try:
        # A standing one, so that every poll tells the same URLs.
        return links.standing(view.job.id, LINK_READER, names=names, days=_days_left(final))
    except JobExpired as error:  # and about to be deleted
        raise JobGone() from error


def _output_urls(job_id: str, link: Link, token: str) -> dict[str, str]:
    urls = link_urls(job_id, link, token)
    return {key: urls[gives] for key, gives in _FILES.items()}


def _days_left(final: FinalRecord) -> int:
    passed = utc_now() - final.finished_at
    return max(1, _LINK_DAYS - passed // timedelta(days=1))


def _handle_errors(blueprint: APIBlueprint) -> None:
    """Errors as they were: `{"error": text}`, with 400 for whatever is wrong with a request."""
    handlers: dict[type[Exception], Callable[..., Response]] = {
        MegaBatchError: answer_megabatch_error,
        HTTPException: answer_http_exception,
        Exception: answer_unknown,
    }
    for kind, answer in handlers.items():
        blueprint.register_error_handler(kind, partial(_answer_error, answer))
    # An address or a method that is none belongs to no blueprint, so the app itself has to look.
    blueprint.app_errorhandler(HTTPException)(_answer_for_app)


def _answer_for_app(error: HTTPException) -> Any:
    ours = request.path == _PREFIX or request.path.startswith(f"{_PREFIX}/")
    return _answer_error(answer_http_exception, error) if ours else answer_http_exception(error)


def _answer_error(answer: Callable[..., Response], error: Exception) -> Response:
    problem = answer(error)
    text = in_words_of_then(problem.get_json(force=True)["detail"])
    problem.data = json.dumps({"error": text})
    problem.mimetype = "application/json"
    if problem.status_code == _UNPROCESSABLE:
        problem.status_code = _BAD_REQUEST
    return problem
