import logging
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import problems
from core import errors
from core.errors import MegaBatchError
from core.logs import log_formatter


def every_error() -> Iterator[type[MegaBatchError]]:
    for module in (errors, problems):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, MegaBatchError):
                yield value


def raised(kind: type[MegaBatchError]) -> MegaBatchError:
    if kind is problems.InvalidFields:
        return problems.InvalidFields((problems.FieldError("wrong", pointer="/name"),))
    return kind()


def raising(app: Flask, error: Exception) -> FlaskClient:
    def view() -> str:
        raise error

    app.add_url_rule("/raise", "raise", view)
    return app.test_client()


KINDS = {kind.__name__: kind for kind in every_error()}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_error_is_answered_with_its_status(app: Flask, kind: type[MegaBatchError]) -> None:
    answer = raising(app, raised(kind)).get("/raise?sig=CANARY")
    assert "\n" not in answer.get_json(force=True)["detail"]
    problem = answer.get_json(force=True)
    assert answer.status_code == problem["status"] == kind.status
    assert answer.content_type == "application/problem+json"
    assert problem["instance"] == "/raise"
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert ("Retry-After" in answer.headers) == (
        kind.status in (429, 503) or kind is errors.ResultsNotReady
    )
    if kind.status != 500:
        assert problem["code"] == kind.code
        assert problem["type"].endswith(kind.code)
        assert problem["detail"] == str(raised(kind))


def test_how_our_storage_is_made_is_told_to_the_log_alone(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    answer = raising(app, errors.JobFolderTrouble("cannot read /srv/jobs/x")).get("/raise")
    assert answer.status_code == 503
    assert "/srv" not in answer.text
    assert "/srv/jobs/x" in caplog.text


def test_the_fields_of_a_problem(client: FlaskClient) -> None:
    problem = client.get("/nowhere").get_json(force=True)
    assert {**problem, "request_id": "", "detail": ""} == {
        "type": "urn:megabatch:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "",
        "instance": "/nowhere",
        "code": "not_found",
        "request_id": "",
        "errors": [],
    }


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("broke at https://a.blob.core.windows.net/c?sig=CANARY%2B"),
        errors.ConfigError("MEGABATCH_SECRET_KEYS, and sig=CANARY"),
        errors.DetectorError("AccountKey=CANARY"),
    ],
)
def test_what_went_wrong_inside_is_told_to_the_log_alone(
    app: Flask, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    answer = raising(app, error).get("/raise")
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["code"]) == (500, "internal_error")
    assert "log" in problem["detail"]
    assert "broke" not in answer.text
    assert "MEGABATCH" not in answer.text
    line = log_formatter("text").format(caplog.records[0])
    assert "Traceback" in line
    assert problem["request_id"] in line
    assert "CANARY" not in line + answer.text


def test_a_detail_never_shows_a_signature(app: Flask) -> None:
    error = errors.ContainerError(
        "cannot list https://a/c?sp=r&sig=CANARY", pointer="/container_url"
    )
    answer = raising(app, error).get("/raise")
    assert "CANARY" not in answer.text
    assert "cannot list" in answer.get_json(force=True)["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/jobs/", 404, "not_found"),
        ("GET", "/v1/jobs/x/y", 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("PATCH", "/v1/jobs/" + "0" * 32, 405, "method_not_allowed"),
        ("GET", "/v1/jobs/" + "0" * 32 + "/cancel", 405, "method_not_allowed"),
    ],
)
def test_flask_refuses_with_problems_too(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (status, code)


def test_a_refused_method_comes_with_those_that_are_taken(client: FlaskClient) -> None:
    allowed = client.put("/v1/jobs").headers["Allow"]
    assert {"GET", "POST"} <= set(allowed.split(", "))


def test_trouble_is_logged_without_secrets(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        raising(app, errors.StorageTrouble("no answer: ?sig=CANARY")).get("/raise?sig=CANARY")
    assert "storage_unavailable" in caplog.text
    assert "CANARY" not in caplog.text
