"""Secrets are nowhere in clear: signatures, an API key and a webhook go through all there is.

Every command that Redis is given is recorded (MONITOR), Celery's messages among them, and every
answer, page, log, message to a webhook and file of the storage is kept and searched.
"""

import base64
import binascii
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import msgspec
import pytest
import redis
import urllib3

from core.config import Settings
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.azurite_server import Azurite
from tests.fixtures.system import System
from tests.pictures import jpeg
from tests.receiver import Received, receiver

pytestmark = pytest.mark.integration

#: What may be text in base64, as Celery writes the body of a message.
_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    local = (ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(
        settings, allowed_private_ranges=local, webhook_private_ranges=local
    )


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"pictures-{uuid4().hex[:8]}"
    pictures = {f"{n:02d}.jpg": jpeg(n) for n in range(40)}
    azurite.create_container(name, {**pictures, "broken.jpg": b"no picture"})
    return name


@contextmanager
def recorded(redis_url: str) -> Iterator[list[str]]:
    """All that Redis is told, by whoever."""
    told: list[str] = []
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    with client, client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                told.append(command["command"])
                if command["command"] == "ECHO over":
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield told
        finally:
            client.execute_command("ECHO", "over")
            thread.join(30)


class Person:
    """Asks for everything, and keeps every answer: its headers, and its text."""

    def __init__(self, system: System, key: str) -> None:
        self.seen: list[str] = []
        self._system = system
        self._key = key
        self._http = urllib3.PoolManager(retries=False, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, *, key: bool = True) -> Any:
        headers = {"Authorization": f"Bearer {self._key}"} if key else {}
        url = path if "://" in path else self._system.url + path
        answer = self._http.request(method, url, json=body, headers=headers)
        self.seen.append(f"{path} {answer.status} {dict(answer.headers)} {answer.data.decode()}")
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else None

    def sign_in(self, job_id: str) -> None:
        """See the pages as with a browser, by a cookie."""
        form = {"key": self._key, "next": f"/jobs/{job_id}"}
        answer = self._http.request_encode_body(
            "POST", f"{self._system.url}/sign-in", form, encode_multipart=False, redirect=False
        )
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        self.seen.append(str(dict(answer.headers)))
        for path in (f"/jobs/{job_id}", "/jobs"):
            page = self._http.request("GET", self._system.url + path, headers={"Cookie": cookie})
            assert page.status == 200 and job_id in page.data.decode()
            self.seen.append(f"{dict(page.headers)} {page.data.decode()}")


def work(person: Person, system: System, urls: list[str], hook: str) -> str:
    """Everything that can be done with a job; its id."""
    first, fresh = urls
    body = {"container_url": first, "name": "canary", "webhook": {"url": hook}}
    person.ask("POST", "/v1/jobs?validate_only=true", body)
    job_id: str = person.ask("POST", "/v1/jobs", body)["id"]
    person.ask("PUT", f"/v1/jobs/{job_id}/container-url", {"container_url": fresh})
    system.wait(job_id)
    for path in ("", "/results", "/failed-images", "/image-list", "/webhooks", "/links"):
        person.ask("GET", f"/v1/jobs/{job_id}{path}")
    for path in ("/v1/jobs", "/metrics", "/openapi.json", "/v1/models", "/readyz", "/"):
        person.ask("GET", path)
    for url in person.ask("POST", f"/v1/jobs/{job_id}/links", {"gives": ["page", "results"]})[
        "urls"
    ].values():
        person.seen.pop()  # the one answer that is to show the URLs
        person.ask("GET", url, key=False)
    retry = person.ask("POST", f"/v1/jobs/{job_id}/retry-failed", {"container_url": fresh})["id"]
    system.wait(retry)
    person.ask("POST", "/v1/jobs", {"images": [first, first]})
    person.ask("POST", "/v1/jobs", {"images_url": first, "container": first})
    person.ask("POST", "/v1/jobs", {"container_url": fresh.replace("sp=rl", "sp=r")})
    person.sign_in(job_id)
    return job_id


def opened(texts: list[str]) -> str:
    """The texts with what they hold in base64, and without escapes of JSON and of URLs."""
    found = list(texts)
    for text in texts:
        for part in _BASE64.findall(text):
            try:
                found.append(base64.b64decode(part + "=" * (-len(part) % 4)).decode())
            except (binascii.Error, UnicodeDecodeError):
                continue
    whole = "\n".join(found).replace("\\/", "/")
    return f"{whole}\n{unquote(whole)}"


def received_text(received: list[Received]) -> list[str]:
    return [f"{one.headers} {one.body.decode()}" for one in received]


def test_secrets_are_nowhere_in_clear(
    system: System, azurite: Azurite, container: str, tmp_path: Path, settings: Settings
) -> None:
    key = open_key_ring(settings).create("survey", (Scope.SUBMIT, Scope.READ))
    system.key = key
    urls = [azurite.container_url(container), azurite.container_url(container, "rwl")]
    with recorded(settings.redis_url) as commands, receiver() as server:
        system.start_all()
        person = Person(system, key)
        job_id = work(person, system, urls, server.url)
        server.wait_for(2)
        # One may have been told twice before the other was.
        system.wait_until(
            lambda: job_id in "".join(received_text(server.received)), "its webhook is told"
        )
    system.stop()
    stored = [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]
    places = {
        "answers and pages": person.seen,
        "Redis and Celery's messages": commands,
        "logs": [path.read_text(errors="replace") for path in (tmp_path / "logs").iterdir()],
        "storage": [path.read_text(errors="replace") for path in stored],
        "webhooks": received_text(server.received),
    }
    signatures = [unquote(url.partition("sig=")[2].partition("&")[0]) for url in urls]
    secrets = [key, "CaNaRy", *signatures, *map(quote, signatures)]
    for place, texts in places.items():
        text = opened(texts)
        assert job_id in text, place  # so that it is known to hold what is looked for
        assert [secret for secret in secrets if secret in text] == [], place
    assert any(f'["{job_id}"' in text for text in opened(commands).splitlines())
    assert json.loads(server.received[-1].body)["data"]["id"]
