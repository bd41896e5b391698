"""Limits: requests a minute, live jobs, queued images; each refusal says what to do, and when."""

import re
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.factory import create_app
from api.limits import Turns
from core.config import Settings
from core.job_store import JobStore, Tally
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.factories import accepted_job

BOTH = (Scope.SUBMIT, Scope.READ)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


# Turns.


def test_a_minute_has_its_turns_and_no_more(clock: Clock) -> None:
    turns = Turns(60, clock)
    taken = [turns.take("north") for _ in range(61)]
    assert [turn.left for turn in taken] == [*range(59, -1, -1), 0]
    assert [turn.wait for turn in taken[:-1]] == [0] * 60
    assert taken[-1].wait == pytest.approx(1)
    assert taken[-1].full_in == pytest.approx(60)


def test_turns_come_back_evenly(clock: Clock) -> None:
    turns = Turns(60, clock)
    for _ in range(60):
        turns.take("north")
    clock.now += 2.5
    assert [bool(turns.take("north").wait) for _ in range(3)] == [False, False, True]
    clock.now += 3600
    assert turns.take("north").left == 59


@pytest.mark.parametrize("a_minute", [1, 7, 3000])
def test_whoever_asks_all_the_time_gets_what_the_minute_allows(a_minute: int, clock: Clock) -> None:
    turns = Turns(a_minute, clock)
    had = 0
    for _ in range(3 * a_minute):
        had += not turns.take("north").wait
        clock.now += 60 / a_minute / 1.5
    assert 2 * a_minute <= had <= 3 * a_minute + 1


def test_a_refusal_costs_no_turn(clock: Clock) -> None:
    turns = Turns(60, clock)
    for _ in range(10_000):
        turns.take("north")
    clock.now += 1
    assert not turns.take("north").wait


def test_names_do_not_share_turns(clock: Clock) -> None:
    turns = Turns(1, clock)
    assert not turns.take("north").wait
    assert turns.take("north").wait
    assert not turns.take("south").wait


def test_looking_takes_nothing(clock: Clock) -> None:
    turns = Turns(1, clock)
    assert [turns.look("north").left for _ in range(3)] == [1, 1, 1]
    turns.take("north")
    assert turns.look("north").wait == pytest.approx(60)


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    turns = Turns(1, clock)
    for number in range(25_000):
        turns.take(f"address {number}")
    assert len(turns._full_at) == 10_000
    assert turns.take("address 24999").wait


def test_a_turn_costs_microseconds() -> None:
    turns = Turns(10**9)
    started = time.process_time()
    for _ in range(10_000):
        turns.take("north")
    assert time.process_time() - started < 0.5


# Requests.


def few(settings: Settings, **limits: int) -> FlaskClient:
    return create_app(msgspec.structs.replace(settings, **limits)).test_client()


def problem(answer: TestResponse) -> Any:
    return answer.get_json(force=True)


def key(settings: Settings, caller: str, *scopes: Scope) -> dict[str, str]:
    return {"Authorization": f"Bearer {open_key_ring(settings).create(caller, scopes or BOTH)}"}


def test_requests_beyond_the_limit_are_refused_and_told_when(settings: Settings) -> None:
    client = few(settings, requests_per_minute=5)
    answers = [client.get("/v1/jobs") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"requests";q=5;w=60'}
    assert answers[0].headers["RateLimit"] == '"requests";r=4;t=12'
    assert re.fullmatch(r'"requests";r=0;t=(59|60)', answers[-1].headers["RateLimit"])
    assert problem(answers[-1])["code"] == "too_many_requests"
    assert "5 requests a minute" in problem(answers[-1])["detail"]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 12
    assert answers[-1].mimetype == "application/problem+json"


def test_callers_are_counted_apart_and_keys_of_one_together(settings: Settings) -> None:
    client = few(settings, requests_per_minute=3)
    one, same, other = key(settings, "north"), key(settings, "north"), key(settings, "south")
    statuses = [
        client.get("/v1/jobs", headers=headers).status_code for headers in (one, same, one, same)
    ]
    assert statuses == [200, 200, 200, 429]
    assert client.get("/v1/jobs", headers=other).status_code == 200


def test_what_a_key_may_not_do_counts_too(settings: Settings) -> None:
    client = few(settings, requests_per_minute=2)
    reader = key(settings, "north", Scope.READ)
    statuses = [client.post("/v1/jobs", json={}, headers=reader).status_code for _ in range(3)]
    assert statuses == [403, 403, 429]


def test_health_is_never_limited(settings: Settings) -> None:
    client = few(settings, requests_per_minute=1)
    for path in ("/healthz", "/readyz"):
        answers = [client.get(path) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert "RateLimit" not in answers[0].headers


def test_where_no_key_is_asked_for_addresses_are_counted(settings: Settings) -> None:
    client = few(settings, requests_per_minute=2)

    def status(address: str) -> int:
        answer = client.get("/openapi.json", environ_overrides={"REMOTE_ADDR": address})
        return answer.status_code

    assert [status("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert status("192.0.2.2") == 200
    # One site has 2**64 IPv6 addresses to itself.
    assert [status(f"2001:db8::{n}") for n in range(3)] == [200, 200, 429]
    assert status("2001:db8:0:1::1") == 200
    # Nobody's key pays for it.
    assert client.get("/v1/jobs").status_code == 200


def test_answers_that_may_be_429_say_so_in_the_description(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").get_json()["paths"]
    limited = {
        path: "429" in operation["responses"]
        for path, item in paths.items()
        for operation in item.values()
    }
    assert {path for path, is_limited in limited.items() if not is_limited} == {
        "/healthz",
        "/readyz",
    }


# Live jobs and queued images.


def submit(client: FlaskClient, pictures: str, headers: dict[str, str] | None = None) -> Any:
    return client.post("/v1/jobs", json={"container_url": pictures}, headers=headers or {})


def test_a_caller_may_have_so_many_live_jobs(settings: Settings, pictures: str) -> None:
    client = few(settings, live_jobs=2)
    one, other = key(settings, "north"), key(settings, "south")
    jobs = [submit(client, pictures, one) for _ in range(2)]
    refused = submit(client, pictures, one)
    assert (refused.status_code, problem(refused)["code"]) == (429, "too_many_live_jobs")
    assert "2 jobs" in problem(refused)["detail"]
    assert "MEGABATCH_LIVE_JOBS" in problem(refused)["detail"]
    assert refused.headers["Retry-After"] == "60"
    assert submit(client, pictures, other).status_code == 202
    assert len(client.get("/v1/jobs", headers=one).get_json()["data"]) == 2
    assert jobs[0].status_code == 202


def test_a_job_that_ended_makes_room(
    settings: Settings, pictures: str, end: Callable[..., object]
) -> None:
    client = few(settings, live_jobs=1)
    job_id = submit(client, pictures).get_json()["id"]
    assert submit(client, pictures).status_code == 429
    end(job_id, b"{}")
    assert submit(client, pictures).status_code == 202


def test_a_submission_that_is_sent_again_needs_no_room(settings: Settings, pictures: str) -> None:
    client = few(settings, live_jobs=1)
    again = {"Idempotency-Key": "once"}
    answers = [submit(client, pictures, again) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].get_json()["id"] == answers[1].get_json()["id"]
    assert submit(client, pictures, {"Idempotency-Key": "another"}).status_code == 429


def test_a_caller_may_have_so_many_images_queued(
    settings: Settings, pictures: str, store: JobStore
) -> None:
    client = few(settings, queued_images=10)
    job_id = submit(client, pictures).get_json()["id"]
    store.planned(job_id, 0, 6)
    assert submit(client, pictures).status_code == 202
    store.planned(job_id, 1, 4)
    refused = submit(client, pictures)
    assert (refused.status_code, problem(refused)["code"]) == (429, "too_many_queued_images")
    assert "10 images to go" in problem(refused)["detail"]
    assert "MEGABATCH_QUEUED_IMAGES" in problem(refused)["detail"]
    store.done(job_id, 0, Tally(6))
    assert submit(client, pictures).status_code == 202


def test_the_load_of_a_caller_is_that_of_the_live_jobs(store: JobStore) -> None:
    for number, caller in enumerate(["north", "north", "south"]):
        job_id = f"{number:032x}"
        job = msgspec.structs.replace(accepted_job(job_id), caller=caller)
        store.create(job)
        store.planned(job_id, 0, 10 + number)
    store.done(f"{0:032x}", 0, Tally(10))
    for caller, told in {"north": (2, 11), "south": (1, 12), "east": (0, 0)}.items():
        load = store.load_of(caller)
        assert (load.live_jobs, load.queued_images) == told
