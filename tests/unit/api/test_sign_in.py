"""Signing in with a key, and what the cookie is worth from then on."""

from datetime import timedelta

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import api.auth
from api import sign_in
from api.sign_in import COOKIE, SIGNED_IN_SECONDS
from core.config import Settings
from core.jobs import utc_now
from core.key_ring import KeyRing, open_key_ring
from core.keys import Scope, digest_of, new_key
from core.sealing import Sealer, new_secret_key


@pytest.fixture
def ring(settings: Settings) -> KeyRing:
    return open_key_ring(settings)


@pytest.fixture
def key(ring: KeyRing) -> str:
    return ring.create("anna", (Scope.READ, Scope.SUBMIT))


@pytest.fixture
def submitted(client: FlaskClient, key: str, pictures: str) -> str:
    """The id of a job of Anna's."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.post("/v1/jobs", json={"container_url": pictures}, headers=headers)
    job_id: str = answer.get_json()["id"]
    return job_id


def signed_in(client: FlaskClient, key: str, after: str = "") -> TestResponse:
    return client.post("/sign-in", data={"key": key, "next": after})


def test_who_does_not_sign_in_sees_the_form_alone(client: FlaskClient, submitted: str) -> None:
    for path in ("/jobs", f"/jobs/{submitted}", f"/jobs/{submitted}/results"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.mimetype == "text/html"
        assert 'name="key"' in answer.text
        assert "pictures" not in answer.text


def test_who_signs_in_sees_their_jobs(client: FlaskClient, key: str, submitted: str) -> None:
    answer = signed_in(client, key, f"/jobs/{submitted}")
    assert (answer.status_code, answer.location) == (303, f"/jobs/{submitted}")
    assert client.get(answer.location).status_code == 200
    assert submitted in client.get("/jobs").text


def test_a_key_in_the_header_does_as_well(client: FlaskClient, key: str, submitted: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get(f"/jobs/{submitted}", headers=headers).status_code == 200


def test_other_callers_do_not_see_the_job(
    client: FlaskClient, ring: KeyRing, submitted: str
) -> None:
    signed_in(client, ring.create("ben", (Scope.READ,)))
    assert client.get(f"/jobs/{submitted}").status_code == 404
    assert submitted not in client.get("/jobs").text


def test_the_cookie_is_kept_from_scripts_other_sites_and_the_api(
    client: FlaskClient, key: str
) -> None:
    cookie = signed_in(client, key).headers["Set-Cookie"]
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert {"HttpOnly", "SameSite=Strict", "Path=/jobs"} <= parts
    assert f"Max-Age={SIGNED_IN_SECONDS}" in parts
    assert "Secure" not in parts


def test_over_https_the_cookie_is_for_https_alone(client: FlaskClient, key: str) -> None:
    answer = client.post("/sign-in", data={"key": key}, base_url="https://localhost")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_the_cookie_tells_nothing_of_the_key(client: FlaskClient, key: str) -> None:
    cookie = signed_in(client, key).headers["Set-Cookie"]
    assert key not in cookie
    assert digest_of(key) not in cookie


def test_the_cookie_is_worth_nothing_to_the_api(client: FlaskClient, key: str) -> None:
    cookie = signed_in(client, key).headers["Set-Cookie"].split(";")[0]
    assert client.get("/jobs", headers={"Cookie": cookie}).status_code == 200
    assert client.get("/v1/jobs", headers={"Cookie": cookie}).status_code == 401


def test_a_revoked_key_ends_it(
    app: Flask, client: FlaskClient, ring: KeyRing, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.create("somebody", (Scope.READ,))  # so that the service goes on asking for keys
    monkeypatch.setattr(api.auth, "_READ_AGAIN", 0)
    signed_in(client, key)
    assert client.get("/jobs").status_code == 200
    ring.revoke(digest_of(key))
    assert client.get("/jobs").status_code == 401


def test_it_ends_after_twelve_hours(
    client: FlaskClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(client, key)
    assert client.get("/jobs").status_code == 200
    later = utc_now() + timedelta(hours=12, seconds=1)
    monkeypatch.setattr(sign_in, "utc_now", lambda: later)
    assert client.get("/jobs").status_code == 401


def test_signing_out_ends_it(client: FlaskClient, key: str) -> None:
    signed_in(client, key)
    assert 'action="/sign-out"' in client.get("/jobs").text
    assert client.post("/sign-out").location == "/sign-in"
    assert client.get("/jobs").status_code == 401


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"Origin": "http://localhost"}, False),
        ({"Origin": "https://localhost"}, False),  # a proxy may have taken the s away
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, False),
        ({"Origin": "https://megabatch.example", "Sec-Fetch-Site": "same-origin"}, False),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "http://localhost:3000"}, True),
        ({"Origin": "http://localhost.evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
    ],
)
def test_no_other_site_signs_anybody_in_or_out(
    client: FlaskClient, key: str, path: str, headers: dict[str, str], refused: bool
) -> None:
    answer = client.post(path, data={"key": key}, headers=headers)
    assert answer.status_code == (403 if refused else 303)
    assert ("Set-Cookie" in answer.headers) != refused
    assert not refused or "page of another site" in answer.text


def test_pages_let_the_browser_say_that_a_form_is_theirs(client: FlaskClient, key: str) -> None:
    policy = '<meta name="referrer" content="strict-origin">'
    assert policy in client.get("/sign-in").text
    signed_in(client, key)
    assert policy in client.get("/jobs").text


def test_a_form_is_small(client: FlaskClient, key: str) -> None:
    assert client.post("/sign-in", data={"key": key, "x": "x" * 8000}).status_code == 303
    for path in ("/sign-in", "/sign-out"):
        answer = client.post(path, data={"key": key, "x": "x" * 8200})
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (413, False)
        assert "larger than 8192 bytes" in answer.text


def forged(settings: Settings, key: str) -> dict[str, str]:
    """Cookies that were not made by signing in."""
    never = {"digest": digest_of(key), "expires_at": utc_now() + timedelta(hours=1)}
    sealed = msgspec.json.encode({"type": "signed-in", **never}).decode()
    return {
        "nothing": "x",
        "not sealed": sealed,
        "sealed elsewhere": Sealer([new_secret_key()]).seal(sealed),
        "another secret": Sealer(settings.secret_keys).seal("https://host/container?sig=x"),
        "sealed for another purpose": Sealer(settings.secret_keys).seal(
            msgspec.json.encode({"type": "other", **never}).decode()
        ),
    }


def test_forged_cookies_are_worth_nothing(
    client: FlaskClient, settings: Settings, key: str
) -> None:
    for what, cookie in forged(settings, key).items():
        client.set_cookie(COOKIE, cookie, path="/jobs")
        assert client.get("/jobs").status_code == 401, what


@pytest.mark.parametrize("given", ["", "mgb_short", "x" * 5000, "<script>", "\u00e9", "\x00"])
def test_what_is_no_key_is_refused_on_the_page(client: FlaskClient, key: str, given: str) -> None:
    answer = signed_in(client, given)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "<script" not in answer.text


def test_an_unknown_key_is_refused(client: FlaskClient, key: str) -> None:
    answer = signed_in(client, new_key())
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)


def test_a_key_that_may_not_read_is_refused(client: FlaskClient, ring: KeyRing) -> None:
    answer = signed_in(client, ring.create("robot", (Scope.SUBMIT,)))
    assert answer.status_code == 403
    assert "scope read" in answer.text


@pytest.mark.parametrize(
    "after",
    ["//evil.example", "https://evil.example/jobs", "/jobs/../v1", "/jobs\n", "/sign-out", "\\x"],
)
def test_nobody_is_sent_to_another_place(client: FlaskClient, key: str, after: str) -> None:
    assert signed_in(client, key, after).location == "/jobs"
    form = client.get("/sign-in", query_string={"next": after})
    assert 'name="next" value="/jobs"' in form.text


def test_a_service_without_keys_shows_jobs_on_its_own_machine(client: FlaskClient) -> None:
    assert client.get("/jobs").status_code == 200
    afar = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/jobs", environ_overrides=afar).status_code == 401


def test_there_a_link_on_another_site_has_to_be_followed_twice(client: FlaskClient) -> None:
    answer = client.get("/jobs", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 401
    assert "open the page again" in answer.text
    assert 'name="key"' not in answer.text
    afar = client.get("/jobs", environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    assert "open the page again" not in afar.text


def test_keys_and_cookies_stand_in_no_log(
    client: FlaskClient, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        cookie = signed_in(client, key).headers["Set-Cookie"].split(";")[0].partition("=")[2]
        signed_in(client, "mgb_" + "x" * 43)
        client.get("/jobs")
    assert "/sign-in" in caplog.text
    assert key not in caplog.text
    assert cookie not in caplog.text
    assert "x" * 43 not in caplog.text
