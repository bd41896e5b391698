"""Who may: keys, scopes, and a service without keys that answers its own machine alone."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.auth import OPEN, Keys
from api.factory import create_app
from api.limits import FAILED_KEYS, Limits
from api.problems import TooManyFailedKeys
from api.server import warn_of_no_keys
from core.config import Settings
from core.errors import JobFolderTrouble
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import FinalRecord
from core.key_ring import KeyRing, open_key_ring
from core.keys import KEY_SECONDS, Key, Scope, new_key
from tests.factories import accepted_job

BOTH = (Scope.SUBMIT, Scope.READ)
HERE = "address 127.0.0.1"
UNKNOWN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def ring(settings: Settings) -> KeyRing:
    return open_key_ring(settings)


@pytest.fixture
def key_of(ring: KeyRing) -> Callable[..., dict[str, str]]:
    """The header of a new key of this caller."""

    def key_of(caller: str, *scopes: Scope) -> dict[str, str]:
        return {"Authorization": f"Bearer {ring.create(caller, scopes or BOTH)}"}

    return key_of


def code(answer: TestResponse) -> Any:
    return answer.get_json(force=True)["code"]


# Without keys: the own machine alone.


NAMES = ("localhost", "localhost:8080", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080")


def status_from(client: FlaskClient, address: str, **headers: str) -> int:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    asked = client.get("/v1/jobs", headers=named, environ_overrides={"REMOTE_ADDR": address})
    return asked.status_code


def test_a_service_without_keys_answers_its_own_machine(client: FlaskClient) -> None:
    here = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1")
    assert {status_from(client, address, Host=name) for address in here for name in NAMES} == {200}


def test_a_service_without_keys_answers_nobody_else(client: FlaskClient) -> None:
    others = ("192.168.0.7", "10.0.0.1", "8.8.8.8", "2001:db8::1", "::ffff:10.0.0.1", "", "x")
    found = {status_from(client, address, Host=name) for address in others for name in NAMES}
    assert found == {401}


def test_a_name_that_was_made_to_mean_this_machine_is_no_way_in(client: FlaskClient) -> None:
    names = ("evil.example", "evil.example:8080", "127.0.0.1.nip.io", "localhost.evil.example")
    strange = ("192.168.0.7", "localhost.", "127.0.0.2", "0.0.0.0", "localhost:8080:evil.example")
    for name in (*names, *strange):
        assert status_from(client, "127.0.0.1", Host=name) in (400, 401), name


def test_whoever_comes_through_a_proxy_is_not_here(client: FlaskClient) -> None:
    words = ("Forwarded", "Via", "X_Real_Ip", "X_Forwarded_For", "X_Forwarded_Host")
    for word in (*words, "X_Forwarded_Proto"):
        assert status_from(client, "127.0.0.1", **{word: "127.0.0.1"}) == 401, word


def test_a_web_page_of_another_host_is_not_here(client: FlaskClient) -> None:
    def status(**headers: str) -> int:
        return status_from(client, "127.0.0.1", **headers)

    assert status(Sec_Fetch_Site="none") == 200
    assert status(Sec_Fetch_Site="same-origin", Origin="http://localhost") == 200
    assert {status(Sec_Fetch_Site=site) for site in ("cross-site", "same-site")} == {401}
    origins = ("https://evil.example", "http://localhost:3000", "https://localhost", "null")
    assert {status(Origin=origin) for origin in origins} == {401}


def test_whoever_needs_no_key_may_do_everything(
    client: FlaskClient, store: JobStore, folder: JobFolder
) -> None:
    others = msgspec.structs.replace(accepted_job(UNKNOWN), caller="north")
    folder.accept(others)
    store.create(others)
    assert client.get(f"/v1/jobs/{UNKNOWN}").get_json()["caller"] == "north"


# With keys.


def test_the_first_key_closes_the_service(
    settings: Settings, ring: KeyRing, client: FlaskClient, key_of: Callable[..., dict[str, str]]
) -> None:
    assert client.get("/v1/jobs").status_code == 200
    key = key_of("north")
    # What is remembered is read again within KEY_SECONDS; a new process knows at once.
    fresh = create_app(settings).test_client()
    refused = fresh.get("/v1/jobs")
    assert (refused.status_code, code(refused)) == (401, "key_needed")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="MegaBatch"'
    assert fresh.get("/v1/jobs", headers=key).status_code == 200


NO_KEYS = {
    "": "key_needed",
    "Basic dXNlcjpwYXNz": "key_needed",
    new_key(): "key_needed",
    "Bearer": "key_unknown",
    "Bearer mgb_": "key_unknown",
    f"Bearer {new_key()}": "key_unknown",
    f"Bearer {new_key()} {new_key()}": "key_unknown",
    "Bearer ../../jobs": "key_unknown",
    f"Bearer {'x' * 8000}": "key_unknown",
    "Bearer \u00e9\u00e9": "key_unknown",
}


@pytest.mark.parametrize("closed", [False, True])
def test_what_is_no_key_of_ours_is_refused(
    client: FlaskClient, ring: KeyRing, closed: bool
) -> None:
    if closed:
        ring.create("north", BOTH)
    for given, why in NO_KEYS.items():
        answer = client.get("/v1/jobs", headers={"Authorization": given})
        assert (answer.status_code, code(answer)) == (401, why), given
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
        assert "mgb_" not in answer.text


def test_a_key_opens(client: FlaskClient, ring: KeyRing) -> None:
    text = ring.create("north", BOTH)
    for words in (f"Bearer {text}", f"bearer {text}", f"BEARER   {text} "):
        assert client.get("/v1/jobs", headers={"Authorization": words}).status_code == 200


def test_a_key_works_from_everywhere(
    client: FlaskClient, key_of: Callable[..., dict[str, str]]
) -> None:
    headers = key_of("north") | {"Host": "megabatch.example", "X-Forwarded-For": "8.8.8.8"}
    answer = client.get(
        "/v1/jobs", headers=headers, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("scope", "reads", "submits"),
    [(Scope.READ, 200, 403), (Scope.SUBMIT, 403, 202), (Scope.ADMIN, 200, 202)],
)
def test_scopes(
    client: FlaskClient,
    pictures: str,
    key_of: Callable[..., dict[str, str]],
    scope: Scope,
    reads: int,
    submits: int,
) -> None:
    key = key_of("north", scope)
    answers = [client.open("/v1/jobs", method=method, headers=key) for method in ("GET", "HEAD")]
    answers.append(client.post("/v1/jobs", json={"container_url": pictures}, headers=key))
    assert [answer.status_code for answer in answers] == [reads, reads, submits]
    for answer in (answers[0], answers[2]):
        if answer.status_code == 403:
            assert code(answer) == "scope_missing"
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_keys_of_one_caller_share_its_jobs(
    client: FlaskClient, pictures: str, key_of: Callable[..., dict[str, str]]
) -> None:
    body = {"container_url": pictures}
    job = client.post("/v1/jobs", json=body, headers=key_of("north")).get_json()
    again, others, admin = key_of("north"), key_of("south"), key_of("boss", Scope.ADMIN)
    assert job["caller"] == "north"
    for headers, sees in ((again, True), (others, False), (admin, True)):
        shown = client.get(f"/v1/jobs/{job['id']}", headers=headers)
        listed = client.get("/v1/jobs", headers=headers).get_json()["data"]
        assert (shown.status_code, len(listed)) == ((200, 1) if sees else (404, 0))


def test_an_admin_cancels_all(
    client: FlaskClient, pictures: str, key_of: Callable[..., dict[str, str]]
) -> None:
    body = {"container_url": pictures}
    job = client.post("/v1/jobs", json=body, headers=key_of("north")).get_json()
    cancel = f"/v1/jobs/{job['id']}/cancel"
    assert client.post(cancel, headers=key_of("south")).status_code == 404
    assert client.post(cancel, headers=key_of("boss", Scope.ADMIN)).status_code == 202


# Every endpoint there is.


#: Bodies with which endpoints get as far as to look for the job.
BODIES = {
    "container-url": {"container_url": "https://a.blob.core.windows.net/c?sp=rl&sig=x"},
    "priority": {"priority": 1},
}


def calls(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and path of all that asks for a key, with a made-up id in each path."""
    for rule in app.url_map.iter_rules():
        if OPEN.isdisjoint({rule.endpoint, rule.endpoint.rpartition(".")[0]}):
            path = re.sub(r"<[^>]+>", UNKNOWN, rule.rule.replace("<job_id>", "{job}"))
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule.endpoint, method, path


def ask(client: FlaskClient, method: str, path: str, headers: dict[str, str]) -> TestResponse:
    body = None if method in ("GET", "DELETE") else BODIES.get(path.rpartition("/")[2], {})
    return client.open(path, method=method, json=body, headers=headers)


def test_every_endpoint_asks_for_a_key(app: Flask, client: FlaskClient, ring: KeyRing) -> None:
    ring.create("north", BOTH)
    open_ones = [
        (method, path)
        for _, method, path in calls(app)
        if ask(client, method, path.format(job=UNKNOWN), {}).status_code != 401
    ]
    assert open_ones == []


def test_open_endpoints_are_these() -> None:
    known = {"documentation", "health", "legacy", "link_files", "pages", "static"}
    assert known >= OPEN


@pytest.mark.parametrize("ended", [False, True])
def test_a_job_of_another_is_not_found_by_any_endpoint(
    app: Flask,
    client: FlaskClient,
    pictures: str,
    key_of: Callable[..., dict[str, str]],
    end: Callable[..., FinalRecord],
    ended: bool,
) -> None:
    owner, other = key_of("north"), key_of("south")
    body = {"container_url": pictures}
    job_id = client.post("/v1/jobs", json=body, headers=owner).get_json()["id"]
    if ended:
        end(job_id, b'{"images": []}')
    with_job = [call for call in calls(app) if "{job}" in call[2]]
    assert len(with_job) > 8
    told = {}
    for _, method, path in with_job:
        answer = ask(client, method, path.format(job=job_id), other)
        if (answer.status_code, code(answer)) != (404, "job_not_found"):
            told[method, path] = answer.status_code, answer.text
    assert told == {}
    assert client.get(f"/v1/jobs/{job_id}", headers=owner).status_code == 200


# How long a key is remembered, and what the storage is asked.


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountedRing(KeyRing):
    """Counts what is read; `away` makes the storage not answer."""

    reads = 0
    away = False

    def find(self, text: str) -> Key | None:
        self.reads += 1
        if self.away:
            raise JobFolderTrouble()
        return super().find(text)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(settings: Settings) -> CountedRing:
    return CountedRing(open_key_ring(settings)._storage)


@pytest.fixture
def keys(settings: Settings, counted: CountedRing, clock: Clock) -> Keys:
    return Keys(counted, Limits(settings, clock), clock)


def test_a_revoked_key_stops_in_time(keys: Keys, counted: CountedRing, clock: Clock) -> None:
    text = counted.create("north", BOTH)
    assert keys.find(text, HERE)
    counted.revoke(counted.keys()[0].id)
    assert keys.find(text, HERE)
    clock.now += KEY_SECONDS
    assert keys.find(text, HERE) is None


def test_the_first_key_is_noticed_in_time(keys: Keys, counted: CountedRing, clock: Clock) -> None:
    assert keys.is_empty()
    counted.create("north", BOTH)
    clock.now += KEY_SECONDS
    assert not keys.is_empty()


def test_a_key_that_is_used_all_the_time_stops_in_time_too(
    keys: Keys, counted: CountedRing, clock: Clock
) -> None:
    text = counted.create("north", BOTH)
    assert keys.find(text, HERE)
    counted.revoke(counted.keys()[0].id)
    until = clock.now + KEY_SECONDS
    while keys.find(text, HERE):
        clock.now += 0.5
    assert clock.now <= until


def test_a_known_key_costs_the_storage_little(
    keys: Keys, counted: CountedRing, clock: Clock
) -> None:
    text = counted.create("north", BOTH)
    for _ in range(1000):
        assert keys.find(text, HERE)
        clock.now += KEY_SECONDS / 100
    assert counted.reads <= 21


def test_one_request_reads_a_known_key_anew_and_the_others_go_on(
    keys: Keys, counted: CountedRing, clock: Clock
) -> None:
    text = counted.create("north", BOTH)
    assert keys.find(text, HERE)
    clock.now += KEY_SECONDS * 0.6
    counted.away = True
    with pytest.raises(JobFolderTrouble):
        keys.find(text, HERE)
    assert keys.find(text, HERE)  # it may be used yet
    clock.now += KEY_SECONDS * 0.4
    with pytest.raises(JobFolderTrouble):
        keys.find(text, HERE)


def test_a_storage_that_is_away_is_left_in_peace(
    keys: Keys, counted: CountedRing, clock: Clock
) -> None:
    text = counted.create("north", BOTH)
    counted.away = True
    for _ in range(50):
        with pytest.raises(JobFolderTrouble):
            keys.find(text, HERE)
    assert counted.reads == 1
    counted.away = False
    clock.now += 1
    assert keys.find(text, HERE)


# Failed keys.


def test_many_failed_keys_of_an_address_end_before_the_storage_is_asked(
    keys: Keys, counted: CountedRing, clock: Clock
) -> None:
    good = counted.create("north", BOTH)
    late = counted.create("north", BOTH)
    assert keys.find(good, HERE)
    for _ in range(FAILED_KEYS):
        assert keys.find(new_key(), HERE) is None
    reads = counted.reads
    for text in (new_key(), late):
        with pytest.raises(TooManyFailedKeys) as raised:
            keys.find(text, HERE)
    assert counted.reads == reads
    assert keys.find(late, "address 192.0.2.1")
    # Keys that have worked go on working, also when they are read anew.
    for _ in range(3):
        assert keys.find(good, HERE)
        clock.now += KEY_SECONDS / 1000
    clock.now += raised.value.retry_after
    assert keys.find(new_key(), HERE) is None


def test_a_known_key_is_read_anew_from_an_address_of_many_failures(
    keys: Keys, counted: CountedRing, clock: Clock
) -> None:
    good = counted.create("north", BOTH)
    assert keys.find(good, HERE)
    clock.now += KEY_SECONDS
    for _ in range(FAILED_KEYS):
        keys.find(new_key(), HERE)
    assert keys.find(good, HERE)


def test_failed_keys_are_answered_429_with_when_to_try_again(
    client: FlaskClient, ring: KeyRing
) -> None:
    ring.create("north", BOTH)
    answers = [
        client.get("/v1/jobs", headers={"Authorization": f"Bearer {new_key()}"})
        for _ in range(FAILED_KEYS + 1)
    ]
    assert {answer.status_code for answer in answers[:-1]} == {401}
    assert (answers[-1].status_code, code(answers[-1])) == (429, "too_many_failed_keys")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_requests_without_a_key_exhaust_nothing(
    client: FlaskClient, key_of: Callable[..., dict[str, str]]
) -> None:
    key = key_of("north")
    for headers in ({}, {"Authorization": "Bearer no"}):
        statuses = {client.get("/v1/jobs", headers=headers).status_code for _ in range(200)}
        assert statuses == {401}
    assert client.get("/v1/jobs", headers=key).status_code == 200


# The storage away.


@pytest.fixture
def silent_storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a storage that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "silent")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2lsZW50")
        monkeypatch.setenv(
            "AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}"
        )
        yield "az://megabatch"


def test_a_storage_that_is_silent_is_a_503_in_time_for_all(
    settings: Settings, silent_storage: str
) -> None:
    away = create_app(msgspec.structs.replace(settings, storage_url=silent_storage))
    answers: list[tuple[int, float]] = []

    def ask_often(headers: dict[str, str]) -> None:
        for _ in range(4):
            started = time.monotonic()
            answer = away.test_client().get("/v1/jobs", headers=headers)
            answers.append((answer.status_code, time.monotonic() - started))

    with_key = {"Authorization": f"Bearer {new_key()}"}
    threads = [
        threading.Thread(target=ask_often, args=(headers,)) for headers in (with_key, {}) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < 3
    # Only the first ones waited for it.
    assert sum(seconds < 0.5 for _, seconds in answers) >= 16


# What the log says.


def test_the_log_tells_when_others_will_not_be_answered(
    settings: Settings,
    ring: KeyRing,
    silent_storage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    warn_of_no_keys(settings, "127.0.0.1")
    warn_of_no_keys(msgspec.structs.replace(settings, storage_url=silent_storage), "0.0.0.0")
    assert caplog.text == ""
    warn_of_no_keys(settings, "0.0.0.0")
    assert "there is no API key yet" in caplog.text
    caplog.clear()
    ring.create("north", BOTH)
    warn_of_no_keys(settings, "0.0.0.0")
    assert caplog.text == ""
