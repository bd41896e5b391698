"""Links: made with a key, followed without one, and good for reading alone."""

import gzip
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api import link_service
from api.factory import create_app
from api.job_service import JobService
from api.link_service import LinkService
from api.problems import LinkUnknown
from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import FinalRecord, utc_now
from core.key_ring import open_key_ring
from core.keys import Scope
from core.links import Gives, Link, open_links
from core.storage import Storage
from tests.unit.api.conftest import FAILED_IMAGES, IMAGE_LIST

Submit = Callable[..., str]
End = Callable[..., FinalRecord]
Make = Callable[..., dict[str, Any]]

RESULTS = b'{"info": {}, "images": [\n]}\n'
CONTENTS = {"results": RESULTS, "failed-images": FAILED_IMAGES, "image-list": IMAGE_LIST}
ALL = ["results", "failed-images", "image-list", "page"]


@pytest.fixture
def make(client: FlaskClient) -> Make:
    """Makes a link of a job; what is told of it."""

    def make(job_id: str, **body: Any) -> dict[str, Any]:
        answer = client.post(f"/v1/jobs/{job_id}/links", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.get_json()
        return made

    return make


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """Somebody on another machine, without a key."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    return client


def problem(answer: TestResponse) -> tuple[int, str]:
    code: str = answer.get_json(force=True)["code"]
    return answer.status_code, code


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def token_of(made: dict[str, Any]) -> str:
    return str(urlsplit(made["urls"]["page"]).query.removeprefix("link="))


def test_a_stranger_reads_every_file_by_a_link(
    stranger: FlaskClient, submit: Submit, end: End, make: Make
) -> None:
    job_id = submit()
    final = end(job_id, RESULTS)
    made = make(job_id)
    assert made["gives"] == list(made["urls"]) == ALL
    assert stranger.get(f"/v1/jobs/{job_id}/results").status_code == 401
    for gives, content in CONTENTS.items():
        url = made["urls"][gives]
        assert url.endswith(f"/{gives}.json")
        answer = stranger.get(url)
        assert (answer.status_code, answer.data) == (200, content)
        assert f"{final.finished_at:%Y-%m-%d}" in answer.headers["Content-Disposition"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        part = {"Range": "bytes=2-", "If-Range": answer.headers["ETag"]}
        assert stranger.get(url, headers=part).data == content[2:]
        assert stranger.head(url).content_length == len(content)
        packed = stranger.get(url, headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(packed.data) == content


def test_the_page_of_a_link_is_that_of_its_job(submit: Submit, make: Make) -> None:
    job_id = submit()
    url = urlsplit(make(job_id)["urls"]["page"])
    assert url.path == f"/jobs/{job_id}"
    assert re.fullmatch(r"link=[A-Za-z0-9_-]{60}", url.query)


def test_a_link_gives_what_it_says_and_no_more(
    stranger: FlaskClient, submit: Submit, end: End, make: Make
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    made = make(job_id, gives=["failed-images", "failed-images"])
    assert list(made["urls"]) == made["gives"] == ["failed-images"]
    url = made["urls"]["failed-images"]
    assert stranger.get(url).data == FAILED_IMAGES
    for name in ("results.json", "image-list.json", "page.json", "page", "x", "failed-images"):
        other = url.replace("failed-images.json", name)
        assert problem(stranger.get(other)) == (404, "link_unknown")


def test_a_link_is_made_before_the_end(
    stranger: FlaskClient, submit: Submit, end: End, make: Make
) -> None:
    job_id = submit()
    url = make(job_id)["urls"]["results"]
    answer = stranger.get(url)
    assert problem(answer) == (409, "results_not_ready")
    assert answer.headers["Retry-After"] == "5"
    end(job_id, RESULTS)
    assert stranger.get(url).data == RESULTS


def test_links_last_for_days_and_no_longer_than_the_job(
    client: FlaskClient, submit: Submit, make: Make
) -> None:
    job_id = submit()
    job = client.get(f"/v1/jobs/{job_id}").get_json()
    days = {given: moment(make(job_id, **given_body(given))["expires_at"]) for given in (0, 3)}
    assert abs(days[0] - utc_now() - timedelta(days=30)) < timedelta(minutes=1)
    assert abs(days[3] - utc_now() - timedelta(days=3)) < timedelta(minutes=1)
    longest = moment(make(job_id, days=36_500)["expires_at"])
    assert longest == moment(job["expires_at"]).replace(microsecond=0)


def given_body(days: int) -> dict[str, int]:
    return {"days": days} if days else {}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"days": 0}, "/days"),
        ({"days": "3"}, "/days"),
        ({"days": 10**9}, "/days"),
        ({"gives": []}, "/gives"),
        ({"gives": ["all"]}, "/gives/0"),
        ({"gives": "page"}, "/gives"),
        ({"give": ["page"]}, "/give"),
    ],
)
def test_a_wrong_wish_is_refused(
    client: FlaskClient, submit: Submit, body: Any, pointer: str
) -> None:
    answer = client.post(f"/v1/jobs/{submit()}/links", json=body)
    assert answer.status_code == 422
    [error] = answer.get_json(force=True)["errors"]
    assert error["pointer"] == pointer
    assert "cannot be used as it was given" not in error["detail"]


def test_links_are_listed_without_their_urls(
    client: FlaskClient, submit: Submit, make: Make
) -> None:
    job_id = submit()
    made = [make(job_id), make(job_id, gives=["page"])]
    answer = client.get(f"/v1/jobs/{job_id}/links")
    shown = [{key: link[key] for key in link if key != "urls"} for link in made]
    assert sorted(answer.get_json()["data"], key=str) == sorted(shown, key=str)
    assert token_of(made[0]) not in answer.text


def test_a_revoked_link_ends_at_once(
    client: FlaskClient, stranger: FlaskClient, submit: Submit, end: End, make: Make
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    ended, other = make(job_id), make(job_id)
    path = f"/v1/jobs/{job_id}/links/{ended['id']}"
    assert client.delete(path).status_code == 204
    assert problem(stranger.get(ended["urls"]["results"])) == (404, "link_unknown")
    assert stranger.get(other["urls"]["results"]).status_code == 200
    assert problem(client.delete(path)) == (404, "link_unknown")
    assert problem(client.delete(f"/v1/jobs/{job_id}/links/..%2Fx")) == (404, "not_found")
    assert problem(client.delete(f"/v1/jobs/{job_id}/links/..")) == (404, "link_unknown")


def test_an_expired_link_says_so(
    stranger: FlaskClient, submit: Submit, end: End, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    url = make(job_id, days=2)["urls"]["results"]
    for days, status in ((1.99, 200), (2.01, 410)):
        now = utc_now() + timedelta(days=days)
        monkeypatch.setattr(link_service, "utc_now", lambda now=now: now)
        answer = stranger.get(url)
        assert answer.status_code == status
    assert problem(answer) == (410, "link_expired")


def test_a_job_that_expired_gets_no_link(
    client: FlaskClient, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit()
    later = utc_now() + timedelta(days=181)
    monkeypatch.setattr(link_service, "utc_now", lambda: later)
    assert problem(client.post(f"/v1/jobs/{job_id}/links", json={})) == (409, "job_expired")


def test_a_job_that_is_kept_beyond_its_time_gets_links_as_long(
    settings: Settings, pictures: str, end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = create_app(msgspec.structs.replace(settings, retention_days=1)).test_client()
    job_id = client.post("/v1/jobs", json={"container_url": pictures}).get_json()["id"]
    ended = end(job_id, RESULTS).finished_at
    later = utc_now() + timedelta(days=3)
    monkeypatch.setattr(link_service, "utc_now", lambda: later)
    made = client.post(f"/v1/jobs/{job_id}/links", json={})
    assert made.status_code == 201
    kept_until = (ended + timedelta(days=7)).replace(microsecond=0)
    assert moment(made.get_json()["expires_at"]) == kept_until


def test_links_of_a_deleted_job_are_gone(
    client: FlaskClient, stranger: FlaskClient, submit: Submit, end: End, make: Make
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    made = make(job_id)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert problem(stranger.get(made["urls"]["results"])) == (410, "job_gone")
    assert problem(client.get(f"/v1/jobs/{job_id}/links")) == (410, "job_gone")
    assert problem(client.post(f"/v1/jobs/{job_id}/links", json={})) == (410, "job_gone")


def test_what_was_swept_away_is_gone_too(
    app: Flask, settings: Settings, client: FlaskClient, submit: Submit, end: End, make: Make
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    made = make(job_id)
    client.delete(f"/v1/jobs/{job_id}")
    links = open_links(settings)
    links.revoke(job_id, links.find(job_id, made["id"]))  # as the cleaner deletes it
    another_process = create_app(settings).test_client()
    assert problem(another_process.get(made["urls"]["results"])) == (410, "job_gone")


def changed(token: str) -> list[str]:
    """Tokens that are nearly this one."""
    flipped = [
        token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        for place in range(len(token))
    ]
    return [*flipped, token[:-1], token + "A", "", "A" * 60, token.upper(), "é" * 60, "x" * 5000]


def test_a_forged_link_is_refused_before_the_storage_is_asked(
    stranger: FlaskClient,
    submit: Submit,
    end: End,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    made = make(job_id)
    good = token_of(made)
    assert stranger.get(f"/links/{good}/results.json").status_code == 200

    def read(storage: Storage, path: str) -> bytes:
        raise AssertionError(path)

    monkeypatch.setattr(Storage, "read", read)
    for token in changed(good):
        answer = stranger.get(f"/links/{token}/results.json")
        assert answer.status_code == 404, token
    assert problem(answer) == (404, "link_unknown")


def test_a_link_is_of_one_service_alone(
    stranger: FlaskClient, settings: Settings, submit: Submit, end: End, make: Make
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    made = make(job_id)
    other = msgspec.structs.replace(settings, storage_url=f"{settings.storage_url}-other")
    link = open_links(settings).find(job_id, made["id"])
    assert open_links(settings).token(job_id, link) == token_of(made)
    forged = open_links(other).token(job_id, link)
    assert problem(stranger.get(f"/links/{forged}/results.json")) == (404, "link_unknown")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_link_changes_nothing(
    stranger: FlaskClient, submit: Submit, end: End, make: Make, method: str
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    made = make(job_id)
    answer = stranger.open(made["urls"]["results"], method=method)
    assert problem(answer) == (405, "method_not_allowed")
    headers = {"Authorization": f"Bearer {token_of(made)}"}
    paths = ["", "/cancel", "/links", f"/links/{made['id']}", "/results"]
    for path in paths:
        url = f"/v1/jobs/{job_id}{path}?link={token_of(made)}"
        assert stranger.open(url, method=method, headers=headers).status_code in (401, 405)
        assert stranger.open(url, method=method).status_code in (401, 405)


def test_a_token_stands_in_no_log_and_no_problem(
    client: FlaskClient,
    stranger: FlaskClient,
    submit: Submit,
    end: End,
    make: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job_id = submit()
    with caplog.at_level(logging.DEBUG):
        made = make(job_id)
        token = token_of(made)
        answers = [
            stranger.get(made["urls"]["results"]),
            stranger.get(f"/links/{token}"),
            stranger.get(f"/links/{token[:40]}/results.json"),
            stranger.get(f"/LINKS/{token}/results.json"),
            stranger.get(f"/x//links/{token}/x"),
            stranger.post(f"/links/{token}/x"),
            stranger.get(f"/jobs/{job_id}?link={token}"),
            client.get(f"/v1/jobs/{job_id}/links"),
            client.get(f"/v1/jobs/{job_id}?link={token}"),
        ]
        end(job_id, RESULTS)
        answers.append(stranger.get(made["urls"]["results"]))
    assert "/links/<hidden>/results.json" in caplog.text
    told = caplog.text + "".join(answer.text + str(answer.headers) for answer in answers)
    assert token[:40] not in told
    assert answers[0].get_json(force=True)["instance"] == "/links/<hidden>/results.json"


def test_ids_of_links_are_no_secrets(client: FlaskClient, submit: Submit, make: Make) -> None:
    job_id = submit()
    path = f"/v1/jobs/{job_id}/links/{make(job_id)['id']}"
    client.delete(path)
    assert client.delete(path).get_json(force=True)["instance"] == path


def test_links_are_made_by_who_may_submit_and_read_and_seen_by_who_sees_the_job(
    settings: Settings, submit: Submit
) -> None:
    path = f"/v1/jobs/{submit()}/links"
    ring = open_key_ring(settings)
    owner = ring.create("local", (Scope.SUBMIT, Scope.READ))
    reader = ring.create("local", (Scope.READ,))
    other = ring.create("somebody", (Scope.SUBMIT, Scope.READ))
    blind = ring.create("local", (Scope.SUBMIT,))  # what it may not read, it gives nobody
    client = create_app(settings).test_client()

    def asked(key: str) -> list[int]:
        headers = {"Authorization": f"Bearer {key}"}
        made, shown = client.post(path, headers=headers, json={}), client.get(path, headers=headers)
        return [made.status_code, shown.status_code]

    assert asked(owner) == [201, 200]
    assert asked(reader) == [403, 200]
    assert asked(other) == [404, 404]
    assert asked(blind) == [403, 403]


def test_a_job_has_so_many_links_and_no_more(
    client: FlaskClient, submit: Submit, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_service, "MOST_LINKS", 3)
    job_id = submit()
    for days in (1, 2, 3):
        make(job_id, days=days)
    path = f"/v1/jobs/{job_id}/links"
    assert problem(client.post(path, json={})) == (409, "too_many_links")
    later = datetime.now(UTC) + timedelta(days=1.5)
    monkeypatch.setattr(link_service, "utc_now", lambda: later)
    made = make(job_id)
    listed = [link["id"] for link in client.get(path).get_json()["data"]]
    assert len(listed) == 3 and listed[-1] == made["id"]


@pytest.fixture
def service(settings: Settings, store: JobStore, folder: JobFolder) -> LinkService:
    return LinkService(JobService(settings, store, folder), open_links(settings))


def stand(service: LinkService, job_id: str, *, days: int = 90) -> tuple[Link, str]:
    """As a poll of the API of 2019 does."""
    names = {Gives.RESULTS: "1_detections__20261123.json"}
    return service.standing(job_id, link_service.LINK_READER, names=names, days=days)


def test_a_standing_link_is_made_once(
    client: FlaskClient, service: LinkService, submit: Submit, end: End
) -> None:
    job_id, name = submit(), "1_detections__20261123.json"
    end(job_id, RESULTS)
    link, token = stand(service, job_id)
    assert stand(service, job_id, days=3) == (link, token)
    answer = client.get(f"/links/{token}/{name}")
    assert answer.data == RESULTS
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert client.get(f"/links/{token}/results.json").status_code == 404


def test_a_revoked_standing_link_stays_revoked(
    client: FlaskClient, service: LinkService, submit: Submit, make: Make
) -> None:
    job_id, tokens = submit(), []
    other = make(job_id)
    path = f"/v1/jobs/{job_id}/links"
    for days in (90, 90, 3):
        link, token = stand(service, job_id, days=days)
        assert client.delete(f"{path}/{link.id}").status_code == 204
        assert problem(client.delete(f"{path}/{link.id}")) == (404, "link_unknown")
        tokens.append(token)
    standing, token = stand(service, job_id)
    assert stand(service, job_id) == (standing, token)
    assert service.open(token, Gives.RESULTS) == job_id
    assert len({*tokens, token}) == 4
    for dead in tokens:
        with pytest.raises(LinkUnknown):
            service.follow(dead)
    listed = [link["id"] for link in client.get(path).get_json()["data"]]
    assert sorted(listed) == sorted([other["id"], standing.id])


def test_revoked_standing_links_take_no_room(
    service: LinkService, submit: Submit, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_service, "MOST_LINKS", 2)
    job_id = submit()
    for _ in range(2):
        link, _ = stand(service, job_id)
        service.revoke(job_id, link.id, link_service.LINK_READER)
    make(job_id)
    assert make(job_id)["gives"] == ALL


def test_a_token_of_another_expiry_is_none_of_the_link(
    client: FlaskClient, settings: Settings, submit: Submit, end: End, make: Make
) -> None:
    job_id = submit()
    end(job_id, RESULTS)
    links = open_links(settings)
    link = links.find(job_id, make(job_id)["id"])
    earlier = msgspec.structs.replace(link, expires_at=link.expires_at - timedelta(days=1))
    for one, status in ((link, 200), (earlier, 404)):
        url = f"/links/{links.token(job_id, one)}/results.json"
        assert client.get(url).status_code == status


def test_a_link_is_opened_for_what_it_gives(service: LinkService, submit: Submit) -> None:
    job_id = submit()
    _, token = service.create(job_id, link_service.LINK_READER, gives=(Gives.PAGE,))
    assert service.open(token, Gives.PAGE) == job_id
    with pytest.raises(LinkUnknown):
        service.open(token, Gives.RESULTS)
