import logging

import pytest
from flask.testing import FlaskClient

PATHS = ["/healthz", "/v1/models", "/v1/jobs", "/nowhere", "/openapi.json", "/v1/jobs?limit=x"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_careful_and_has_an_id(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert len(headers["X-Request-Id"]) == 32


def test_requests_have_different_ids(client: FlaskClient) -> None:
    assert len({client.get("/healthz").headers["X-Request-Id"] for _ in range(5)}) == 5


def test_the_callers_own_id_is_kept(client: FlaskClient) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": "run-7.B_x"})
    assert answer.headers["X-Request-Id"] == "run-7.B_x"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "\u00e9", "a;b", "<script>", "a\tb"])
def test_an_odd_id_is_replaced(client: FlaskClient, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": given})
    assert len(answer.headers["X-Request-Id"]) == 32


def test_the_log_names_paths_without_queries(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/v1/jobs?limit=1&sig=CANARY")
        client.get("/x/sig=CANARY%0aforged%20line")
        client.get("/healthz")
    assert "GET '/v1/jobs' 422" in caplog.text
    assert "CANARY" not in caplog.text
    assert "\nforged" not in caplog.text
    assert "healthz" not in caplog.text
