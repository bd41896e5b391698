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
from core.config import Settings

#: Seconds: three are promised, and a busy machine needs some for itself. Without care it is ten.
MOST = 4.0
AT_ONCE = 8

VALUES = {"link_id": "0" * 16, "token": "0" * 16, "name": "results.json", "task_id": "1"}


def calls(app: Flask, job_id: str) -> list[tuple[str, str]]:
    """Method and path of every endpoint."""
    values = {**VALUES, "job_id": job_id, "filename": "style.css"}
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
    return {}


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


def test_nobody_waits_for_a_silent_redis(
    short_of_redis: Flask, submit: Callable[..., str], pictures: str
) -> None:
    job_id = submit()
    answers = ask_all(short_of_redis, job_id, pictures)
    one = f"/v1/jobs/{job_id}"
    away = {("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", one), ("POST", f"{one}/cancel")}
    check(answers, away | {("GET", "/readyz"), ("GET", "/v1/models")})
    assert answers["GET", "/metrics"][0] == 200


@pytest.mark.parametrize("keys_are_known", [False, True])
def test_nobody_waits_for_a_silent_storage(
    short_of_storage: Flask, pictures: str, keys_are_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if keys_are_known:  # as some seconds after the storage was asked for them
        monkeypatch.setattr(Keys, "is_empty", lambda _: True)
    answers = ask_all(short_of_storage, "0" * 32, pictures)
    one = "/v1/jobs/" + "0" * 32
    check(
        answers, {("POST", "/v1/jobs"), ("GET", one), ("GET", f"{one}/results"), ("GET", "/readyz")}
    )
