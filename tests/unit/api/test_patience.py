"""No request waits more than three seconds because Redis or our storage says nothing."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from flask import Flask

from api.auth import Keys
from api.factory import create_app
from api.legacy_status import request_id
from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import LOCAL_CALLER, new_job_id
from core.key_ring import open_key_ring
from core.storage import Storage
from tests.factories import accepted_job

#: Seconds, as promised. Without care it is ten.
MOST = 3.0
AT_ONCE = 8

LIST = "https://account.blob.core.windows.net/lists/a.json"
THEN = "/v2/camera-trap/detection-batch"
SURVEY = "survey"
VALUES = {"link_id": "0" * 16, "token": "0" * 16, "name": "results.json"}


def calls(app: Flask, job_id: str) -> list[tuple[str, str]]:
    """Method and path of every endpoint."""
    task_id = request_id(job_id)
    values = {**VALUES, "job_id": job_id, "task_id": task_id, "filename": "style.css"}
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", lambda name: values.get(name[1], "x"), rule.rule)
        found += [(method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return sorted(found)


def body_for(path: str, container: str) -> dict[str, Any]:
    if path.endswith("/priority"):
        return {"priority": 3}
    if path.endswith(("/jobs", "/container-url")):
        return {"container_url": container}
    if path.endswith("/request_detections"):
        return {"caller": SURVEY, "use_url": True, "images_requested_json_sas": LIST}
    return {}


def calls_of_then(job_id: str) -> set[tuple[str, str]]:
    """Those of the API of 2019 that cannot do without Redis and the storage."""
    return {
        ("POST", f"{THEN}/request_detections"),
        ("GET", f"{THEN}/task/{request_id(job_id)}"),
    }


def ask(app: Flask, method: str, path: str, container: str) -> tuple[int, float]:
    """The status of the answer, and the seconds that it took."""
    body = body_for(path, container) if method in ("POST", "PUT", "PATCH") else None
    began = time.monotonic()
    answer = app.test_client().open(path, method=method, json=body)
    taken = time.monotonic() - began
    if answer.status_code == 503 and not answer.is_json:
        assert answer.headers.get("Retry-After"), path
    return answer.status_code, taken


def ask_all(app: Flask, job_id: str, container: str) -> dict[tuple[str, str], tuple[int, float]]:
    every = calls(app, job_id)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = threads.map(lambda call: ask(app, *call, container), every)
        return dict(zip(every, answers, strict=True))


def check(answers: dict[tuple[str, str], tuple[int, float]], away: set[tuple[str, str]]) -> None:
    slow = {call: seconds for call, (_, seconds) in answers.items() if seconds > MOST}
    assert slow == {}
    failed = {call: status for call, (status, _) in answers.items() if status in (500, 502, 504)}
    assert failed == {}
    assert {answers[call][0] for call in away} == {503}


@pytest.fixture
def short_of_redis(settings: Settings, silent_port: int) -> Flask:
    silent = f"redis://127.0.0.1:{silent_port}/0"
    return create_app(msgspec.structs.replace(settings, redis_url=silent))


@pytest.fixture
def short_of_storage(
    settings: Settings, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:{silent_port}/account")
    return create_app(msgspec.structs.replace(settings, storage_url="az://jobs"))


@pytest.fixture
def task_of_then(folder: JobFolder) -> str:
    """The id of a job that came in by the API of 2019."""
    job = msgspec.structs.replace(accepted_job(new_job_id()), legacy=True, caller=LOCAL_CALLER)
    return folder.accept(job).id


def test_nobody_waits_for_a_silent_redis(
    short_of_redis: Flask, settings: Settings, task_of_then: str, pictures: str
) -> None:
    open_key_ring(settings).allow_legacy(SURVEY)
    answers = ask_all(short_of_redis, task_of_then, pictures)
    one = f"/v1/jobs/{task_of_then}"
    away = {("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", one), ("POST", f"{one}/cancel")}
    away |= {("GET", "/readyz"), ("GET", "/v1/models")}
    check(answers, away | calls_of_then(task_of_then))
    assert answers["GET", "/metrics"][0] == 200


@pytest.mark.parametrize("keys_are_known", [False, True])
def test_nobody_waits_for_a_silent_storage(
    short_of_storage: Flask, pictures: str, keys_are_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if keys_are_known:  # as some seconds after the storage was asked for them
        monkeypatch.setattr(Keys, "is_empty", lambda _: True)
        monkeypatch.setattr(Keys, "legacy_callers", lambda _: [SURVEY])
    job_id = new_job_id()
    answers = ask_all(short_of_storage, job_id, pictures)
    one = f"/v1/jobs/{job_id}"
    away = {("POST", "/v1/jobs"), ("GET", one), ("GET", f"{one}/results"), ("GET", "/readyz")}
    check(answers, away | calls_of_then(job_id))


def slow(real: Callable[..., Any]) -> Callable[..., Any]:
    def slowly(*arguments: Any) -> Any:
        time.sleep(1)
        return real(*arguments)

    return slowly


def test_a_poll_of_then_does_not_wait_for_a_slow_storage(
    app: Flask,
    folder: JobFolder,
    store: JobStore,
    task_of_then: str,
    end: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.create(folder.read_job(task_of_then))
    end(task_of_then, b"{}")
    for name in ("create", "exists", "read"):
        monkeypatch.setattr(Storage, name, slow(getattr(Storage, name)))
    status, taken = ask(app, "GET", f"{THEN}/task/{request_id(task_of_then)}", "")
    assert status == 503 and taken < MOST
