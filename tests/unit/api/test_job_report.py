"""`POST /v1/jobs?validate_only=true`: what is told of a job that is not submitted."""

import json
import shutil
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from azure.storage.blob import AccessPolicy, generate_container_sas
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.factory import create_app
from api.job_report import BYTES_AN_IMAGE
from core.config import Settings
from core.containers.folder import LocalFolder
from core.job_reader import PREFIX
from core.job_store import JobStore
from tests.azurite_server import ACCOUNT, KEY, Azurite
from tests.pictures import jpeg

URL = "/v1/jobs?validate_only=true"

Report = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Azurite may be read as well."""
    return msgspec.structs.replace(settings, allowed_private_ranges=(ip_network("127.0.0.0/8"),))


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[..., str]:
    """Makes a local container of these files."""

    def make(**files: bytes) -> str:
        container = tmp_path / "pictures" / uuid.uuid4().hex
        for name, data in files.items():
            path = container / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return str(container)

    return make


@pytest.fixture
def report(client: FlaskClient) -> Report:
    def report(**body: Any) -> dict[str, Any]:
        answer = client.post(URL, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    return report


def codes(found: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in found["warnings"]]


@pytest.fixture
def container(azurite: Azurite) -> str:
    """An Azure container of seven pictures, a text and a video."""
    name = f"c{uuid.uuid4().hex}"
    pictures = {f"north/{n}.jpg": jpeg(n) for n in range(7)}
    azurite.create_container(name, {**pictures, "a.txt": b"text", "b.mp4": b"video"})
    return name


def test_a_container_is_looked_at(report: Report, azurite: Azurite, container: str) -> None:
    url = azurite.container_url(container, expires_in=timedelta(days=30))
    found = report(container_url=url)
    assert (found["can_list"], found["can_read"]) == (True, True)
    assert found["read"] == {"name": "north/0.jpg", "format": "jpeg", "bytes": len(jpeg(0))}
    assert found["names"] == [f"north/{n}.jpg" for n in range(5)]
    assert (found["images"], found["images_known"]) == (7, True)
    assert found["skipped"] == {".mp4": 1, ".txt": 1}
    assert found["sas_expires_at"].endswith("Z")
    assert found["results_bytes"] == 7 * (BYTES_AN_IMAGE + len("north/0.jpg"))
    assert (found["model"], found["waiting_for_workers"], found["seconds"]) == ("demo", True, None)
    assert codes(found) == ["no_workers"]


def test_what_submitting_refuses_is_refused(
    client: FlaskClient, azurite: Azurite, container: str
) -> None:
    bodies: list[dict[str, Any]] = [
        {"container_url": azurite.container_url(container, "r")},
        {"container_url": azurite.container_url(container, expires_in=-timedelta(hours=1))},
        {"container_url": azurite.container_url("nowhere")},
        {"container_url": "/etc"},
        {"container_url": "https://169.254.169.254/c"},
        {"images": ["https://evil.example/a.jpg"]},
        {"images": ["a.jpg", "a.jpg"]},
        {"contaner_url": "/x"},
        {},
    ]
    for body in bodies:
        looked, submitted = (client.post(path, json=body) for path in (URL, "/v1/jobs"))
        told = [answer.get_json(force=True) for answer in (looked, submitted)]
        for one in told:
            one.pop("request_id")
        assert looked.status_code == submitted.status_code == 422
        assert told[0] == told[1]


def test_nothing_is_written(
    report: Report,
    settings: Settings,
    tmp_path: Path,
    folder_of: Callable[..., str],
    client: FlaskClient,
) -> None:
    body = {"container_url": folder_of(a_jpg=jpeg())}
    client.post(URL, json=body, headers={"Idempotency-Key": "k"})
    report(**body)
    with redis.Redis.from_url(settings.redis_url) as server:
        assert server.keys("*") == []
    storage = tmp_path / "storage"
    assert not [path for path in storage.rglob("*") if path.is_file()]
    assert client.get("/v1/jobs").get_json() == {"data": []}


def test_a_key_that_is_none_is_refused_here_too(
    client: FlaskClient, folder_of: Callable[..., str]
) -> None:
    body = {"container_url": folder_of(a_jpg=jpeg())}
    assert client.post(URL, json=body, headers={"Idempotency-Key": ""}).status_code == 400


@pytest.mark.parametrize("value", ["1", "yes", "", "True", "null"])
def test_only_true_and_false_are_taken(
    client: FlaskClient, folder_of: Callable[..., str], value: str
) -> None:
    body = {"container_url": folder_of(a_jpg=jpeg())}
    answer = client.post(f"/v1/jobs?validate_only={value}", json=body)
    assert answer.status_code == 422
    (error,) = answer.get_json(force=True)["errors"]
    assert error == {"parameter": "validate_only", "detail": "validate_only must be true or false."}


def test_false_submits(client: FlaskClient, folder_of: Callable[..., str]) -> None:
    body = {"container_url": folder_of(a_jpg=jpeg())}
    assert client.post("/v1/jobs?validate_only=false", json=body).status_code == 202


def test_prefix_and_counts_narrow(report: Report, azurite: Azurite, container: str) -> None:
    url = azurite.container_url(container)
    assert report(container_url=url, prefix="north/3")["images"] == 1
    first = report(container_url=url, first_n=3)
    assert (first["images"], first["names"]) == (3, [f"north/{n}.jpg" for n in range(3)])
    stripped = report(container_url=url, prefix="north/", strip_prefix="north/", first_n=2)
    assert stripped["names"] == ["0.jpg", "1.jpg"]
    sampled = report(container_url=url, sample_n=2)
    assert (sampled["images"], sampled["images_known"]) == (2, True)
    assert report(container_url=url, sample_n=20)["images"] == 7


def test_no_image_is_worth_a_warning(report: Report, folder_of: Callable[..., str]) -> None:
    found = report(container_url=folder_of(a_mp4=b"x", b_mp4=b"x"))
    assert (found["images"], found["images_known"], found["can_read"]) == (0, True, None)
    assert found["skipped"] == {".mp4": 2}
    assert "no_images" in codes(found)


def test_prefix_that_finds_nothing_for_its_slash_is_told_so(
    report: Report, azurite: Azurite, container: str
) -> None:
    url = azurite.container_url(container, expires_in=timedelta(days=30))
    found = report(container_url=url, prefix="/north")
    assert codes(found)[:2] == ["no_images", "prefix_begins_with_slash"]
    assert "try the prefix 'north'." in found["warnings"][1]["detail"]
    assert "prefix_begins_with_slash" not in codes(report(container_url=url, prefix="south"))
    azurite.upload(container, {"/north/0.jpg": jpeg()})
    assert codes(report(container_url=url, prefix="/north")) == ["no_workers"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"<html>Sign in</html>", "not_an_image"),
        (b"\0\0\0\x18ftypheic", "unsupported_format"),
    ],
)
def test_a_picture_that_is_none_is_told(
    report: Report, folder_of: Callable[..., str], data: bytes, code: str
) -> None:
    found = report(container_url=folder_of(a_jpg=data))
    assert (found["can_list"], found["can_read"], found["read"]) == (True, False, None)
    assert code in codes(found)
    assert "'a.jpg'" in found["warnings"][0]["detail"]


def test_one_bad_picture_is_not_all(report: Report, folder_of: Callable[..., str]) -> None:
    found = report(container_url=folder_of(a_jpg=b"", b_jpg=b"no", c_jpg=jpeg()))
    assert (found["can_read"], found["read"]["name"]) == (True, "c.jpg")
    assert codes(found) == ["no_workers"]


def test_names_in_a_container_are_read(report: Report, azurite: Azurite, container: str) -> None:
    url = azurite.container_url(container)
    found = report(container_url=url, images=[["north/2.jpg", "dawn"], ["north/4.jpg", "dusk"]])
    assert (found["can_list"], found["can_read"], found["images"]) == (None, True, 2)
    assert found["read"]["name"] == "north/2.jpg"
    missing = report(container_url=url, images=["nowhere.jpg"])
    assert missing["can_read"] is False
    assert "not_found" in codes(missing)


def test_urls_are_read_and_their_secrets_kept(
    report: Report, azurite: Azurite, container: str
) -> None:
    urls = [azurite.blob_url(container, f"north/{n}.jpg") for n in range(3)]
    found = report(images=urls)
    assert (found["can_list"], found["can_read"], found["images"]) == (None, True, 3)
    assert found["read"]["name"] == urls[0].partition("?")[0]
    assert found["sas_expires_at"] and codes(found) == ["sas_expires_soon", "no_workers"]
    assert "sig=" not in json.dumps(found)


def test_a_list_at_a_url_is_read(report: Report, azurite: Azurite, container: str) -> None:
    names = [f"north/{n}.jpg" for n in range(7)]
    azurite.upload(container, {"list.json": json.dumps(names).encode(), "bad.json": b"a,b,c"})
    url = azurite.container_url(container)
    found = report(container_url=url, images_url=azurite.blob_url(container, "list.json"))
    assert (found["images"], found["can_read"], found["names"]) == (7, True, names[:5])
    bare = report(images_url=azurite.blob_url(container, "list.json"))
    assert (bare["can_list"], codes(bare)[0]) == (False, "invalid_request")
    bad = report(container_url=url, images_url=azurite.blob_url(container, "bad.json"))
    assert (bad["images"], codes(bad)[0]) == (None, "bad_image_list")
    none = report(container_url=url, images_url=azurite.blob_url(container, "none.json"))
    assert codes(none)[0] == "image_list_unreadable"


def measure(store: JobStore, settings: Settings, *, milliseconds: int, workers: int) -> None:
    for worker in range(workers):
        store.heartbeat("demo", f"w{worker}")
    with redis.Redis.from_url(settings.redis_url) as server:
        server.hset(f"{PREFIX}image_ms", "demo", milliseconds)


def test_the_time_is_what_the_live_workers_take(
    report: Report, store: JobStore, settings: Settings, folder_of: Callable[..., str]
) -> None:
    container = folder_of(a_jpg=jpeg(), b_jpg=jpeg(), c_jpg=jpeg())
    store.heartbeat("demo", "w0")
    assert report(container_url=container)["seconds"] is None
    measure(store, settings, milliseconds=3000, workers=2)
    found = report(container_url=container)
    assert (found["seconds"], found["waiting_for_workers"]) == (5, False)
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("lasts", "seconds_an_image", "warned"),
    [
        (timedelta(days=3), 1, []),
        (timedelta(days=3), 86_400, ["sas_expires_before_end"]),
        (timedelta(hours=3), 1, ["sas_expires_soon"]),
        (timedelta(hours=3), 10_000, ["sas_expires_before_end"]),
    ],
)
def test_a_sas_should_outlive_the_job(
    report: Report,
    store: JobStore,
    settings: Settings,
    azurite: Azurite,
    container: str,
    lasts: timedelta,
    seconds_an_image: int,
    warned: list[str],
) -> None:
    measure(store, settings, milliseconds=1000 * seconds_an_image, workers=1)
    url = azurite.container_url(container, expires_in=lasts)
    assert codes(report(container_url=url)) == warned


def test_a_sas_that_tells_no_expiry_is_told(
    report: Report, azurite: Azurite, container: str
) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    policy = AccessPolicy(permission="rl", expiry=until, start=until - timedelta(days=2))
    with azurite.service() as service:
        service.get_container_client(container).set_container_access_policy({"season": policy})
    sas = generate_container_sas(ACCOUNT, container, KEY, policy_id="season")
    found = report(container_url=f"{azurite.account_url}/{container}?{sas}")
    assert (found["sas_expires_at"], found["can_read"]) == (None, True)
    assert codes(found) == ["sas_expiry_unknown", "no_workers"]


def test_a_folder_needs_no_sas(report: Report, folder_of: Callable[..., str]) -> None:
    found = report(container_url=folder_of(a_jpg=jpeg()))
    assert (found["sas_expires_at"], codes(found)) == (None, ["no_workers"])


def test_more_than_a_page_is_not_waited_for(
    report: Report, folder_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {**(LocalFolder.__init__.__kwdefaults__ or {}), "page_size": 2}
    monkeypatch.setattr(LocalFolder.__init__, "__kwdefaults__", defaults)
    found = report(container_url=folder_of(a_jpg=jpeg(), b_jpg=jpeg(), c_jpg=jpeg()))
    assert (found["images"], found["images_known"]) == (2, False)


@pytest.mark.parametrize("slow", ["pages", "read"])
def test_what_takes_long_is_left_out(
    client: FlaskClient,
    folder_of: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    slow: str,
) -> None:
    container = folder_of(a_jpg=jpeg())
    real = getattr(LocalFolder, slow)
    # The check of a submission lists one image; the first look comes after it.
    calls = 0

    def slowly(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > (1 if slow == "pages" else 0):
            time.sleep(5)
        return real(*arguments, **named)

    monkeypatch.setattr(LocalFolder, slow, slowly)
    started = time.monotonic()
    answer = client.post(URL, json={"container_url": container})
    assert time.monotonic() - started < 3
    found = answer.get_json()
    assert answer.status_code == 200
    assert codes(found)[0] == ("listing_slow" if slow == "pages" else "reading_slow")
    assert found["can_list" if slow == "pages" else "can_read"] is None


@pytest.mark.parametrize("away", ["redis", "storage", "container"])
def test_what_is_away_is_told_within_three_seconds(
    settings: Settings, folder_of: Callable[..., str], silent_port: int, away: str, tmp_path: Path
) -> None:
    container = folder_of(a_jpg=jpeg())
    if away == "redis":
        settings = msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{silent_port}/0")
    app: Flask = create_app(settings)
    if away == "storage":
        shutil.rmtree(tmp_path / "storage")
        (tmp_path / "storage").write_text("a file where a folder should be")
    if away == "container":
        container = f"http://127.0.0.1:{silent_port}/account/c?sig=x&sp=rl&sr=c&se=2099-01-01"
    started = time.monotonic()
    answer: TestResponse = app.test_client().post(URL, json={"container_url": container})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert time.monotonic() - started < 3


def test_a_limit_that_is_reached_is_told_here_too(
    settings: Settings, folder_of: Callable[..., str]
) -> None:
    settings = msgspec.structs.replace(settings, live_jobs=1)
    client = create_app(settings).test_client()
    body = {"container_url": folder_of(a_jpg=jpeg())}
    assert client.post(URL, json=body).status_code == 200
    client.post("/v1/jobs", json=body)
    assert client.post(URL, json=body).status_code == 429
