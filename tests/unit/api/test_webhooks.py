"""Webhooks as the API takes and shows them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core import webhooks
from core.config import Settings
from core.containers.guard import Guard
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import EVENTS, FinalRecord
from core.key_ring import open_key_ring
from core.keys import Scope
from core.webhook_log import WebhookLog
from core.webhooks import Attempt, Delivery, webhook_guard
from tests.unit.core.test_webhooks import BY_ADDRESS, HOSTILE, OTHERS

Submit = Callable[..., str]
End = Callable[..., FinalRecord]
URL = "https://hooks.example.org/CaNaRy?key=CaNaRy"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def public_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is at a public address."""

    def guard(settings: Settings) -> Guard:
        return webhook_guard(settings, lambda host, port: ["20.60.1.2"])

    monkeypatch.setattr(webhooks, "webhook_guard", guard)


def attempt(delivery: Delivery, number: int, status: int | None, minutes: int = 0) -> Attempt:
    moment = NOW + timedelta(minutes=minutes)
    return Attempt(
        id=delivery.id,
        event=delivery.event,
        number=number,
        happened_at=NOW,
        tried_at=moment,
        status=status,
        error=None if status else "timeout",
        ms=7,
    )


# The field.


def test_a_webhook_is_kept_whole_and_shown_by_its_host(
    client: FlaskClient, submit: Submit, folder: JobFolder, settings: Settings
) -> None:
    job_id = submit(webhook={"url": URL})
    answer = client.get(f"/v1/jobs/{job_id}")
    shown = answer.get_json()["request"]["webhook"]
    assert shown == {"url": "https://hooks.example.org/", "events": list(EVENTS)}
    webhook = folder.read_job(job_id).request.webhook
    assert webhook and webhook.url == URL
    stored = Path(settings.storage_url.removeprefix("file://"), "jobs", job_id, "job.json")
    assert "CaNaRy" not in answer.text + stored.read_text()


def test_events_can_be_chosen_and_count_once(
    client: FlaskClient, submit: Submit, store: JobStore
) -> None:
    events = ["job.failed", "job.completed", "job.failed"]
    job_id = submit(webhook={"url": URL, "events": events})
    shown = client.get(f"/v1/jobs/{job_id}").get_json()["request"]["webhook"]
    assert shown["events"] == ["job.failed", "job.completed"]
    kept = store._redis.hget(f"megabatch:job:{job_id}", "events")
    assert kept == b"job.failed job.completed"


def test_a_job_without_one_shows_none(client: FlaskClient, submit: Submit) -> None:
    job_id = submit()
    assert client.get(f"/v1/jobs/{job_id}").get_json()["request"]["webhook"] is None
    assert client.get(f"/v1/jobs/{job_id}/webhooks").get_json() == {"data": []}


WRONG: list[tuple[Any, str, str]] = [
    (URL, "/webhook", "must be an object"),
    (7, "/webhook", "must be an object"),
    ([], "/webhook", "must be an object"),
    ({}, "/webhook/url", "is missing"),
    ({"url": 7}, "/webhook/url", "must be text"),
    ({"url": ""}, "/webhook/url", "must not be empty"),
    ({"url": "https://x/" + "a" * 5000}, "/webhook/url", "letters"),
    ({"url": URL, "event": []}, "/webhook/event", "did you mean 'events'?"),
    ({"url": URL, "events": []}, "/webhook/events", "must not be empty"),
    ({"url": URL, "events": ["job.done"]}, "/webhook/events/0", "'job.completed'"),
    ({"url": URL, "events": ["job.failed"] * 7}, "/webhook/events", "6 entries at most"),
    ({"url": URL, "events": "job.failed"}, "/webhook/events", "must be a list"),
]


def test_a_wrong_webhook_is_refused_by_its_field(client: FlaskClient, pictures: str) -> None:
    for webhook, pointer, words in WRONG:
        body = {"container_url": pictures, "webhook": webhook}
        answer = client.post("/v1/jobs", json=body)
        assert answer.status_code == 422, webhook
        (error,) = answer.get_json(force=True)["errors"]
        assert error["pointer"] == pointer and words in error["detail"]
        assert "CaNaRy" not in answer.text


def test_hostile_urls_are_refused(client: FlaskClient, pictures: str, folder: JobFolder) -> None:
    hostile = set(HOSTILE) - OTHERS - BY_ADDRESS - {""}
    for url in hostile:
        body = {"container_url": pictures, "webhook": {"url": url}}
        answer = client.post("/v1/jobs", json=body)
        assert answer.status_code == 422, url
        problem = answer.get_json(force=True)
        assert problem["code"] == "url_not_allowed", url
        assert [error["pointer"] for error in problem["errors"]] == ["/webhook/url"]
    assert len(hostile) > 60 and folder.live_ids() == []


# What was told.


def test_deliveries_are_shown_newest_first_with_their_states(
    client: FlaskClient, submit: Submit, store: JobStore, folder: JobFolder, end: End
) -> None:
    job_id = submit(webhook={"url": URL})
    end(job_id, b"{}")
    store.emit(job_id, "job.expiring")
    started = Delivery(job_id, "job.started")
    for number in (1, 2):
        folder.webhooks.write(job_id, attempt(started, number, (None, 200)[number - 1], number))
    paused = Delivery(job_id, "job.paused")
    for number in range(1, 11):
        folder.webhooks.write(job_id, attempt(paused, number, 500, 10 + number))
    ended = Delivery(job_id, "job.completed")
    folder.webhooks.write(job_id, attempt(ended, 1, 503, 60))

    data = client.get(f"/v1/jobs/{job_id}/webhooks").get_json()["data"]
    assert [(one["event"], one["state"], len(one["attempts"])) for one in data] == [
        ("job.expiring", "waiting", 0),
        ("job.completed", "waiting", 1),
        ("job.paused", "given_up", 10),
        ("job.started", "delivered", 2),
    ]
    assert data[0]["next_try_at"] and data[1]["next_try_at"]
    assert data[2]["next_try_at"] is data[3]["next_try_at"] is None
    assert [one["number"] for one in data[3]["attempts"]] == [2, 1]
    assert data[3]["attempts"][1] == {
        **{"number": 1, "tried_at": "2026-05-01T12:01:00Z"},
        **{"status": None, "error": "timeout", "ms": 7},
    }
    assert data[3]["id"] == started.id


def test_a_receiver_that_is_gone_is_shown(
    client: FlaskClient, submit: Submit, folder: JobFolder
) -> None:
    job_id = submit(webhook={"url": URL})
    told, gone = Delivery(job_id, "job.started"), Delivery(job_id, "job.completed")
    folder.webhooks.write(job_id, attempt(told, 1, 204, 1))
    folder.webhooks.write(job_id, attempt(gone, 1, 410, 2))
    folder.webhooks.disable(job_id)
    data = client.get(f"/v1/jobs/{job_id}/webhooks").get_json()["data"]
    assert [one["state"] for one in data] == ["disabled", "delivered"]


def test_each_pause_of_a_job_is_shown_up_to_twenty(
    client: FlaskClient, submit: Submit, folder: JobFolder
) -> None:
    job_id = submit(webhook={"url": URL, "events": ["job.paused"]})
    for number in range(1, 30):
        if number < 29:
            folder.add_container_url(job_id, f"https://x/c?sig={number}")
        delivery = Delivery(job_id, "job.paused", number)
        folder.webhooks.write(job_id, attempt(delivery, 1, 200, number))
    data = client.get(f"/v1/jobs/{job_id}/webhooks").get_json()["data"]
    assert [one["id"].rpartition("_")[2] for one in data] == [str(n) for n in range(29, 9, -1)]


def test_a_job_that_is_deleted_in_this_moment_shows_what_is_left(
    client: FlaskClient, submit: Submit, folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(webhook={"url": URL})
    delivery = Delivery(job_id, "job.started")
    folder.webhooks.write(job_id, attempt(delivery, 1, 200))
    names = [f"{delivery.id}.01.json", f"{delivery.id}.02.json"]
    monkeypatch.setattr(WebhookLog, "_names", lambda self, job_id: names)
    (shown,) = client.get(f"/v1/jobs/{job_id}/webhooks").get_json()["data"]
    assert len(shown["attempts"]) == 1


@pytest.mark.parametrize("job_id", ["x", "0" * 32])
def test_a_job_that_is_not_there(client: FlaskClient, job_id: str) -> None:
    assert client.get(f"/v1/jobs/{job_id}/webhooks").status_code == 404


# Whose.


@pytest.fixture
def key_of(settings: Settings, app: Flask) -> Callable[..., dict[str, str]]:
    ring = open_key_ring(settings)

    def key_of(caller: str, *scopes: Scope) -> dict[str, str]:
        return {"Authorization": f"Bearer {ring.create(caller, scopes)}"}

    return key_of


def test_each_caller_has_a_secret_of_their_own(
    client: FlaskClient, key_of: Callable[..., dict[str, str]]
) -> None:
    alice = key_of("alice", Scope.READ, Scope.SUBMIT)
    again, bob = key_of("alice", Scope.READ, Scope.SUBMIT), key_of("bob", Scope.ADMIN)
    first = client.get("/v1/webhook-secret", headers=alice)
    assert first.headers["Cache-Control"] == "no-store"
    assert client.get("/v1/webhook-secret", headers=again).get_json() == first.get_json()
    assert client.get("/v1/webhook-secret", headers=bob).get_json() != first.get_json()
    made = client.post("/v1/webhook-secret", headers=alice).get_json()
    assert made != first.get_json()
    assert client.get("/v1/webhook-secret", headers=again).get_json() == made


def test_who_may_not_submit_sees_no_secret_and_makes_none(
    client: FlaskClient, key_of: Callable[..., dict[str, str]]
) -> None:
    reader = key_of("alice", Scope.READ)
    for ask in (client.get, client.post):
        assert ask("/v1/webhook-secret", headers=reader).status_code == 403
        assert ask("/v1/webhook-secret").status_code == 401


def test_deliveries_of_others_are_not_there(
    client: FlaskClient, pictures: str, key_of: Callable[..., dict[str, str]]
) -> None:
    alice, bob = (key_of(name, Scope.READ, Scope.SUBMIT) for name in ("alice", "bob"))
    body = {"container_url": pictures, "webhook": {"url": URL}}
    job_id = client.post("/v1/jobs", json=body, headers=alice).get_json()["id"]
    assert client.get(f"/v1/jobs/{job_id}/webhooks", headers=alice).status_code == 200
    assert client.get(f"/v1/jobs/{job_id}/webhooks", headers=bob).status_code == 404
