"""How the API of 2019 stands in the description: told by hand, for it has rules of its own."""

from typing import Any

from pydantic import BaseModel, Field

from api.described import Answers, text_answer

_REFUSALS = {
    400: "something is wrong with the request; `error` says what",
    401: "this caller is not allowed",
    404: "there is no task of this id",
    410: "the job was deleted",
    408: "the body did not come in time",
    413: "the body is too large",
    415: "the body is not JSON",
    429: "too much was asked for; see Retry-After",
    500: "MegaBatch failed",
    503: "a part does not answer; try again",
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_STATUS = {"type": "object", "required": ["request_status", "time", "message"]}
_TEXT = {"anyOf": [{"type": "string"}, {"type": "null"}]}

PLAIN: Answers = {200: text_answer("text/plain", "Text.")}


class TaskPath(BaseModel):
    """The part of a path that names a task."""

    task_id: str = Field(description="What `request_id` told, a number.")


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def refused(*statuses: int) -> Answers:
    """How that API refuses: `{"error": text}`."""
    return {status: _json(f"Refused: {_REFUSALS[status]}.", _ERROR) for status in statuses}


VERSIONS: Answers = {
    200: _json("The versions.", {"type": "array", "items": {"type": "string"}}),
    **refused(429, 500),
}
ACCEPTED: Answers = {
    200: _json(
        "Accepted.",
        {
            "type": "object",
            "required": ["request_id"],
            "properties": {"request_id": {"type": "string", "pattern": "^[0-9]+$"}},
        },
    ),
    **refused(400, 401, 408, 413, 415, 429, 500, 503),
}
TASK: Answers = {
    200: _json(
        "The task. `uuid` is a number, of 128 bits.",
        {
            "type": "object",
            "required": ["uuid", "status", "timestamp", "endpoint"],
            "properties": {
                "uuid": {"type": "integer"},
                "status": {"anyOf": [{"type": "string"}, _STATUS]},
                "timestamp": {"type": "string"},
                "endpoint": {"type": "string"},
            },
        },
    ),
    **refused(404, 410, 429, 500, 503),
}

#: What a body may hold. Numbers and truths are taken as that API took them, in many spellings.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["caller"],
                    "properties": {
                        "caller": {"type": "string", "description": "A name that was allowed."},
                        "input_container_sas": _TEXT,
                        "images_requested_json_sas": _TEXT,
                        "use_url": {"description": "Whether the list holds URLs."},
                        "image_path_prefix": _TEXT,
                        "first_n": {"description": "A number above 0."},
                        "sample_n": {"description": "A number above 0."},
                        "model_version": {"description": "One of `supported_model_versions`."},
                        "request_name": _TEXT,
                    },
                }
            }
        },
    }
}
