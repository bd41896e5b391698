"""How an endpoint describes its answers, for the description of the API at `/openapi.json`.

To describe an endpoint, say what is its own:

- The types of the view function's `path`, `query`, `header` and `body` are what is validated and
  what is described. The first line of its docstring is the summary, the rest the description.
- `responses` holds the answers that are special to it: `{202: answer(JobResource, "Location")}`,
  `{204: None}`, `file_answers(...)`, and `**problems(409)` for the refusals of its own.

What follows from rules that hold for all endpoints is added by `api.description`, and need not be
said: the key and its refusals, what may be wrong with a body, a query or a job's id, the headers of
every answer, the request headers that an answer depends on (`304` means that `If-None-Match` is
read), and the links from an answer that shows a job to all that can be done with it.
"""

import types
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from api.errors import problems

Described = dict[str, Any]
#: As flask-openapi3 takes them.
Answers = dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None]

#: An answer to `If-None-Match`.
NOT_MODIFIED = {"description": "Nothing has changed."}

#: Headers of answers.
HEADERS: dict[str, Described] = {
    "X-Request-Id": {
        "description": "Names this request in the service's log.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_.-]{1,64}$"},
    },
    "Location": {
        "description": "Where what was made can be seen.",
        "required": True,
        "schema": {"type": "string", "format": "uri"},
    },
    "Retry-After": {
        "description": "Seconds to wait before asking again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "ETag": {
        "description": "Tells this state from any other.",
        "required": True,
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "How to send a key.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Content-Range": {
        "description": "Which bytes of how many these are.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^bytes \d+-\d+/\d+$"},
    },
    "Content-Disposition": {
        "description": "A file name that says what it is.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Accept-Ranges": {
        "description": "That a part may be asked for.",
        "required": True,
        "schema": {"type": "string", "const": "bytes"},
    },
    "Idempotency-Replayed": {
        "description": "`true` when this job was submitted before, with the same key.",
        "schema": {"type": "string", "const": "true"},
    },
}

_Model = TypeVar("_Model", bound=BaseModel)


def answer(
    model: type[_Model], *headers: str, description: str = "", example: Any = None
) -> type[_Model]:
    """An answer of this shape with these headers on top, which must be known here."""
    extra: Described = {"headers": {name: HEADERS[name] for name in headers}}
    if description:
        extra["description"] = description
    if example is not None:
        extra["example"] = example
    inside = {
        "__module__": model.__module__,
        "__doc__": model.__doc__,
        "model_config": ConfigDict(title=model.__name__, openapi_extra=extra),  # type: ignore[typeddict-unknown-key]
    }
    return types.new_class(model.__name__, (model,), exec_body=lambda body: body.update(inside))


def text_answer(mimetype: str, description: str, *headers: str) -> Described:
    """An answer that is no JSON of ours."""
    return {
        "description": description,
        "content": {mimetype: {"schema": {"type": "string"}}},
        "headers": {name: HEADERS[name] for name in headers},
    }


def file_answers(mimetype: str, description: str, schema: Described) -> Answers:
    """What `api.downloads.send` answers with."""
    headers = ("ETag", "Accept-Ranges", "Content-Disposition")
    part = ("Content-Range", *headers)
    return {
        200: {
            "description": description,
            "content": {mimetype: {"schema": schema}},
            "headers": {name: HEADERS[name] for name in headers},
        },
        206: {
            "description": "The part that was asked for.",
            "content": {mimetype: {}},
            "headers": {name: HEADERS[name] for name in part},
        },
        304: NOT_MODIFIED,
        **problems(412, 416),
    }
