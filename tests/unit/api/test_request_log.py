"""What the lines of a log tell of the request that they belong to."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gunicorn.config import Config

from api.server import logger_class
from core.logs import log_formatter


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(log_formatter("json"))
        self.found: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """The lines of the log, as programs read them."""
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler.found
    root.removeHandler(handler)
    root.setLevel(level)


def test_every_line_of_a_request_names_it_and_its_job(
    client: FlaskClient, lines: list[dict[str, Any]]
) -> None:
    job_id = "0" * 32
    client.get(f"/v1/jobs/{job_id}", headers={"X-Request-Id": "run-7"})
    assert lines and all(one["request_id"] == "run-7" for one in lines)
    assert all(one["job_id"] == job_id for one in lines)


def test_a_submission_names_the_job_that_it_made(
    submit: Callable[..., str], lines: list[dict[str, Any]]
) -> None:
    job_id = submit()
    accepted, answered = [one for one in lines if one["logger"].startswith("api.")]
    assert accepted["job_id"] == answered["job_id"] == job_id
    assert accepted["message"].startswith("accepted job")


def test_what_is_no_id_is_not_taken_for_one(
    client: FlaskClient, lines: list[dict[str, Any]]
) -> None:
    client.get("/v1/jobs/north%0a%1b[31m", headers={"X-Request-Id": "a b"})
    client.get("/nowhere")
    assert len(lines) == 2
    assert all("job_id" not in one and len(one["request_id"]) == 32 for one in lines)


def test_a_request_that_is_over_is_forgotten(
    client: FlaskClient, lines: list[dict[str, Any]]
) -> None:
    client.get("/v1/jobs/" + "0" * 32)
    lines.clear()
    logging.getLogger("api").info("between two requests")
    assert {"request_id", "job_id"}.isdisjoint(lines[0])


def test_a_failure_tells_its_traceback_within_its_line(
    app: Flask, lines: list[dict[str, Any]]
) -> None:
    def view() -> str:
        raise RuntimeError("broke at ?sig=CANARY\nforged")

    app.add_url_rule("/raise", "raise", view)
    app.test_client().get("/raise")
    failed = next(one for one in lines if one["level"] == "ERROR")
    assert "RuntimeError: broke at ?sig=<hidden>\nforged" in failed["traceback"]
    assert failed["request_id"] == lines[-1]["request_id"]


def test_gunicorn_logs_as_we_do() -> None:
    log = logger_class("json")(Config())
    texts = [handler.formatter for handler in log.error_log.handlers]
    assert [type(one) for one in texts] == [type(log_formatter("json"))]
