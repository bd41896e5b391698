"""The description at /openapi.json: whole, and true to what the code knows."""

import re
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from schemathesis.specs.openapi.definitions import OPENAPI_31

from api.auth import OPEN
from api.described import answer
from api.errors import PROBLEM_TYPE
from api.resources import JobResource

#: Blueprints for people, and for their files: they are no part of the API.
FOR_PEOPLE = {"pages", "sign_in", "static", "documentation"}
DESCRIBED_ALL_THE_SAME = {"/openapi.json"}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").get_json()
    return document


def current(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Those that follow our rules; the API of 2019 has its own."""
    every = operations(document).items()
    return {where: operation for where, operation in every if "deprecated" not in operation}


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def routes(app: Flask) -> dict[tuple[str, str], str]:
    """Path and method to endpoint, of all that is for programs."""
    return {
        (re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.partition(".")[0] not in FOR_PEOPLE or rule.rule in DESCRIBED_ALL_THE_SAME
    }


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {ref for part in value.values() for ref in references(part)}
        return found | ({value["$ref"]} if isinstance(value.get("$ref"), str) else set())
    if isinstance(value, list):
        return {ref for part in value for ref in references(part)}
    return set()


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validator = jsonschema_rs.validator_for(OPENAPI_31)
    assert [
        f"{error.instance_path}: {error.message}" for error in validator.iter_errors(document)
    ] == []


def test_it_has_every_endpoint(app: Flask, document: dict[str, Any]) -> None:
    assert set(operations(document)) == set(routes(app))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) - known == set()
    assert "#/components/schemas/Problem" in references(document)


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    found = operations(document).values()
    ids = [operation["operationId"] for operation in found]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"].endswith(".") for operation in found)
    assert not any("<br" in operation.get("description", "") for operation in found)


def test_what_needs_a_key_says_so(app: Flask, document: dict[str, Any]) -> None:
    for where, operation in operations(document).items():
        is_open = not OPEN.isdisjoint({routes(app)[where].partition(".")[0]})
        assert operation["security"] == ([] if is_open else [{"key": []}])
        assert ("403" in operation["responses"]) == (not is_open)
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for (path, _), operation in current(document).items():
        for status, response in operation["responses"].items():
            if status >= "4" and path != "/readyz":
                assert set(response["content"]) == {"application/problem+json"}


def test_every_answer_has_its_headers(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        read = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
        assert "X-Request-Id" in read
        for status, response in operation["responses"].items():
            headers = response["headers"]
            assert headers["X-Request-Id"]["required"]
            # The API of 2019 knows callers by a name in the body, and has no header to ask for.
            key_needed = status == "401" and PROBLEM_TYPE in response["content"]
            assert ("WWW-Authenticate" in headers) == key_needed
            assert status not in ("429", "503") or headers["Retry-After"]["required"]
            assert status not in ("200", "304") or "ETag" not in headers or "If-None-Match" in read
            assert status != "206" or {"Range", "If-Range"} <= read


def test_refusals_follow_from_what_an_operation_takes(document: dict[str, Any]) -> None:
    for (path, _), operation in current(document).items():
        told = set(operation["responses"])
        assert ("{job_id}" in path) <= ({"404", "410"} <= told), path
        assert ("requestBody" in operation) == ({"413", "415"} <= told), path
        query = any(one["in"] == "query" for one in operation["parameters"])
        assert (query or "requestBody" in operation) == ("422" in told), path


def test_a_job_leads_to_all_that_can_be_done_with_it(document: dict[str, Any]) -> None:
    every = operations(document)
    links = every["/v1/jobs", "post"]["responses"]["202"]["links"]
    of_a_job = {
        operation["operationId"]
        for (path, _), operation in every.items()
        if re.findall(r"{(\w+)}", path) == ["job_id"]
    }
    assert set(links) == of_a_job and {"jobs_show", "jobs_cancel"} <= of_a_job
    assert links["jobs_show"]["parameters"] == {"job_id": "$response.body#/id"}


def test_what_can_be_left_out_is_not_described_as_null(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        for parameter in operation["parameters"]:
            assert {"type": "null"} not in parameter["schema"].get("anyOf", [])


def test_bodies_are_described_whole(document: dict[str, Any]) -> None:
    metadata = document["components"]["schemas"]["JobBody"]["properties"]["metadata"]
    assert metadata["maxProperties"] == 16
    assert metadata["propertyNames"] == {"minLength": 1, "maxLength": 64}


def test_an_answer_with_headers_is_still_its_model() -> None:
    described = answer(JobResource, "Location", description="Made.", example={"id": "1"})
    assert described.__name__ == "JobResource"
    assert described.model_fields.keys() == JobResource.model_fields.keys()
    with pytest.raises(KeyError):
        answer(JobResource, "X-Unknown")


def test_all_blueprints_at_one_path_are_described(document: dict[str, Any]) -> None:
    assert {"get", "delete"} <= set(document["paths"]["/v1/jobs/{job_id}"])
