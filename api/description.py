"""The description of the API at `/openapi.json`: what its endpoints say of themselves (see
`api.described`), and what follows from rules that hold for all of them.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any, get_type_hints

from flask_openapi3 import OpenAPI
from flask_openapi3.models import OPENAPI3_REF_TEMPLATE, SecurityScheme

from api.auth import OPEN, UNLIMITED
from api.described import HEADERS, Described
from api.errors import PROBLEM_TYPE, problems

#: What stands above everything.
ABOUT = """Finds animals, people and vehicles in camera-trap images. Submit a job that points at a
container, ask for it until it has ended (with `If-None-Match`, and no sooner than `Retry-After`
says), and download its results.

Whatever is refused is a problem (RFC 9457): `code` is for programs, `detail` says what to do, and
`errors` names the fields. Read words and fields that you do not know as if they were not there.
"""

#: The name of the security scheme.
KEY = "key"

SECURITY_SCHEMES: dict[str, SecurityScheme | Described] = {
    KEY: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, such as `mgb_...`. A service that has no keys yet takes "
        "requests from its own machine without one.",
    }
}

_SCHEMAS = "#/components/schemas/"

# Headers of a request, by the status of the answer that they may lead to.
_READ_FOR: dict[str, tuple[tuple[str, str], ...]] = {
    "304": (("If-None-Match", "The `ETag` of what you have: an empty 304 when nothing changed."),),
    "412": (("If-Match", "The `ETag` of what you have: refused when it is another by now."),),
    "206": (
        ("Range", "The bytes to send, such as `bytes=1000-`."),
        ("If-Range", "The `ETag` of the part you have: the whole file when it is another by now."),
    ),
}
_REQUEST_ID = ("X-Request-Id", "Your own name for this request, up to 64 of `A-Za-z0-9_.-`.")

_OF_A_KEY = (401, 403, 429, 503)
_OF_ANYBODY = (429,)
_OF_A_BODY = (400, 408, 413, 415, 422)
_OF_A_JOB = (404, 409, 410)
_OF_A_QUERY = (422,)


def describe(app: OpenAPI) -> Described:
    """The whole description, as JSON values. Call it once all endpoints are there."""
    document: Described = app.api_doc
    endpoints = dict(_endpoints(app))
    for path, item in document["paths"].items():
        for method, operation in item.items():
            endpoint = endpoints[path, method]
            _name(operation, endpoint, app.view_functions[endpoint])
            _add_key(operation, endpoint)
            _add_parts(operation, path)
            _add_headers(operation)
    _add_schemas(document, app)
    _add_links(document)
    return document


def _endpoints(app: OpenAPI) -> Iterator[tuple[tuple[str, str], str]]:
    """Path and method to endpoint."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in rule.methods or ():
            yield (path, method.lower()), rule.endpoint


def _name(operation: Described, endpoint: str, view: Any) -> None:
    operation["operationId"] = endpoint.replace(".", "_")
    # flask-openapi3 (4.3.2) breaks a line of HTML wherever the source does.
    summary, _, text = (inspect.getdoc(view) or "").partition("\n")
    operation["summary"] = summary
    operation.pop("description", None)
    if text.strip():
        operation["description"] = text.strip()


def _add_key(operation: Described, endpoint: str) -> None:
    if OPEN.isdisjoint({endpoint, endpoint.partition(".")[0]}):
        operation["security"] = [{KEY: []}]
        _add_problems(operation, *_OF_A_KEY)
    else:
        operation["security"] = []
        if endpoint.partition(".")[0] not in UNLIMITED:
            _add_problems(operation, *_OF_ANYBODY)


def _add_parts(operation: Described, path: str) -> None:
    responses = operation["responses"]
    if operation.get("deprecated"):
        responses.pop("422", None)  # it has rules of its own, and says which
        return
    # flask-openapi3 adds a 422 to everything, as a list of problems.
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
    if "requestBody" in operation:
        _add_problems(operation, *_OF_A_BODY)
    if any(parameter["in"] == "query" for parameter in operation.get("parameters", ())):
        _add_problems(operation, *_OF_A_QUERY)
    if "{job_id}" in path:
        _add_problems(operation, *_OF_A_JOB)
    _add_problems(operation, 500)


def _add_problems(operation: Described, *statuses: int) -> None:
    for status, described in problems(*statuses).items():
        operation["responses"].setdefault(str(status), described)


def _add_headers(operation: Described) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        parameter["schema"] = _without_null(parameter["schema"])
    responses = operation["responses"]
    read = [
        header for status, known in _READ_FOR.items() if status in responses for header in known
    ]
    for name, text in (*read, _REQUEST_ID):
        header = {"name": name, "in": "header", "description": text, "required": False}
        parameters.append(header | {"schema": {"type": "string"}})
    for status, response in responses.items():
        # Copied, for one description of a problem serves many operations.
        responses[status] = response | {"headers": dict(_headers_of(status, response))}


def _without_null(schema: Described) -> Described:
    """What may be left out is described as such: in a URL or a header there is no null to send."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    left = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**left, **kinds[0]}


def _headers_of(status: str, response: Described) -> Iterator[tuple[str, Described]]:
    yield from (response.get("headers") or {}).items()
    yield "X-Request-Id", HEADERS["X-Request-Id"]
    if status == "401" and PROBLEM_TYPE in response["content"]:
        yield "WWW-Authenticate", HEADERS["WWW-Authenticate"]
    if status == "304":
        yield "ETag", HEADERS["ETag"]
    if status in ("429", "503"):
        yield "Retry-After", HEADERS["Retry-After"] | {"required": True}


def _add_schemas(document: Described, app: OpenAPI) -> None:
    """Describe bodies as pydantic does: flask-openapi3 leaves out what it has no name for."""
    schemas = document["components"]["schemas"]
    for view in app.view_functions.values():
        body = get_type_hints(inspect.unwrap(view)).get("body")
        if body is not None:
            schema = body.model_json_schema(ref_template=OPENAPI3_REF_TEMPLATE)
            schemas.update(schema.pop("$defs", {}))
            schemas[body.__name__] = schema


def _add_links(document: Described) -> None:
    """From each answer that shows a job to everything that can be done with a job."""
    operations = [one for item in document["paths"].values() for one in item.values()]
    targets = [
        operation["operationId"]
        for path, item in document["paths"].items()
        for operation in item.values()
        if re.findall(r"{(\w+)}", path) == ["job_id"]
    ]
    for operation in operations:
        for response in operation["responses"].values():
            job_id = _job_id_of(response)
            if job_id:
                response["links"] = {
                    name: {"operationId": name, "parameters": {"job_id": job_id}}
                    for name in targets
                }


def _job_id_of(response: Described) -> str:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    shown = {f"{_SCHEMAS}JobResource": "id", f"{_SCHEMAS}JobsPage": "data/0/id"}
    where = shown.get(schema.get("$ref", ""))
    return f"$response.body#/{where}" if where else ""
