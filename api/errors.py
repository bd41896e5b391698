"""Errors as answers: RFC 9457 problem details, made in one place."""

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, request
from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException

from api.problems import FieldError, InvalidFields, KeyNeeded, RangeNotSatisfiable, ScopeMissing
from core.errors import (
    InvalidRequest,
    JobFolderTrouble,
    LimitReached,
    MegaBatchError,
    ResultsNotReady,
    Unavailable,
)
from core.secrets import redact

logger = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
#: When to ask again, seconds.
RETRY_AFTER = 5

_SERVER_ERROR = 500
_FIRST_ERROR = 400
_UNKNOWN = MegaBatchError.__doc__ or ""
# Flask's own refusals: code and what to do.
_REFUSALS = {
    400: ("bad_request", "The request cannot be understood."),
    404: ("not_found", "There is nothing at this address; see /openapi.json for what there is."),
    405: ("method_not_allowed", "This address does not take this method; see the Allow header."),
    413: ("body_too_large", "The body is too large."),
    415: ("media_type_not_supported", "The body must be JSON."),
}


class FieldErrorResource(BaseModel):
    """What is wrong with one field."""

    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the body.")
    parameter: str | None = Field(None, description="Name of a parameter of the URL.")


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldErrorResource] = Field(default_factory=list)


_STATUSES = {
    400: "the request cannot be read",
    401: "a key is needed",
    403: "the key does not allow this",
    404: "there is no such thing",
    408: "the body did not come in time",
    409: "the job's status does not allow this, or its record is damaged",
    410: "the job was deleted",
    412: "it is not what If-Match names",
    413: "the body is too large",
    415: "the body is not JSON",
    416: "the Range lies beyond the end of the file",
    422: "fields need to be corrected",
    429: "too much was asked for; see Retry-After",
    500: "MegaBatch failed",
    503: "a part does not answer; try again",
}


def problems(*statuses: int) -> dict[str | int | HTTPStatus, Any]:
    """How these refusals stand in the API's description."""
    return {
        status: {
            "description": f"Problem: {_STATUSES[status]}.",
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


#: What any endpoint may answer. The refusals of its own are named beside it, as `problems(409)`;
#: those that follow from what it takes are added by `api.description`.
PROBLEM_RESPONSES = problems(500)


def handle_errors(app: Flask) -> None:
    """Make every error of the app a problem."""
    app.register_error_handler(MegaBatchError, answer_megabatch_error)
    app.register_error_handler(HTTPException, answer_http_exception)
    app.register_error_handler(Exception, answer_unknown)


def answer_megabatch_error(error: MegaBatchError) -> Response:
    if error.status == _SERVER_ERROR:
        return answer_unknown(error)
    response = problem(error.status, error.code, _detail(error), _field_errors(error))
    if isinstance(error, Unavailable | ResultsNotReady):
        response.headers["Retry-After"] = str(RETRY_AFTER)
    if isinstance(error, LimitReached):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, RangeNotSatisfiable):
        response.headers["Content-Range"] = f"bytes */{error.size}"
    if isinstance(error, KeyNeeded | ScopeMissing):
        response.headers["WWW-Authenticate"] = error.challenge
    if isinstance(error, Unavailable):
        logger.warning("request %s: %s: %s", g.request_id, error.code, redact(error.message))
    return response


def answer_http_exception(error: HTTPException) -> Any:
    status = error.code or _SERVER_ERROR
    if status < _FIRST_ERROR:
        return error
    code, detail = _REFUSALS.get(status, ("http_error", HTTPStatus(status).phrase))
    response = problem(status, code, detail)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def answer_unknown(error: Exception) -> Response:
    """500: the log says what happened, the answer does not."""
    logger.error("request %s (%s) failed", g.request_id, request.endpoint, exc_info=error)
    return problem(_SERVER_ERROR, MegaBatchError.code, _UNKNOWN)


def problem(status: int, code: str, detail: str, errors: tuple[FieldError, ...] = ()) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:megabatch:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": redact(detail),
        "instance": redact(request.path),
        "code": code,
        "request_id": g.request_id,
        "errors": [_field_error(error) for error in errors],
    }
    return Response(json.dumps(body), status, mimetype=PROBLEM_TYPE)


def _detail(error: MegaBatchError) -> str:
    # What our own storage says may name this machine's folders and hosts: it is for the log.
    return (error.__doc__ or "") if isinstance(error, JobFolderTrouble) else error.message


def _field_errors(error: MegaBatchError) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidFields):
        return error.errors
    if isinstance(error, InvalidRequest) and error.pointer:
        return (FieldError(error.message, pointer=error.pointer),)
    return ()


def _field_error(error: FieldError) -> dict[str, str]:
    named = {"parameter": error.parameter} if error.parameter else {"pointer": error.pointer}
    return {**named, "detail": redact(error.detail)}
