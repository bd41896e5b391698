"""Bodies that nobody should send, to every endpoint that takes one: a clear refusal, at once."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from tests.fixtures.system import System

pytestmark = pytest.mark.integration

#: Seconds that a refusal may take, of the best of some tries: other tests run beside this one.
MOST = 1.0
TRIES = 3

MEGABYTE = 1_000_000
HUGE = 100
VALUES = {"job_id": "0" * 32}

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"container_url=x",
    "cut off": b'{"name": "nor',
    "a list": b"[1, 2]",
    "a text": b'"north"',
    "null": b"null",
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "deep within a field": b'{"metadata": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "many values": b'{"images": [' + b"1," * 1_000_000 + b"1]}",
    "not a number": b'{"first_n": NaN}',
    "infinity": b'{"detection_threshold": -Infinity}',
    "beyond numbers": b'{"detection_threshold": 1e999}',
    "a key twice": b'{"name": "a", "name": "b"}',
    "a key twice within": b'{"metadata": {"a": "1", "a": "2"}}',
    "half a letter": b'{"name": "\\ud800"}',
    "half a letter as a key": b'{"\\udfff": 1}',
    "a byte order mark": b'\xef\xbb\xbf{"name": "a"}',
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "an unknown field": b'{"CANARY\\u0000": 1, "caller": 1}',
}


def endpoints(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Method and path of every endpoint that takes a body."""
    return [
        (method.upper(), re.sub(r"{(\w+)}", lambda name: VALUES[name[1]], path))
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "requestBody" in operation
    ]


#: The forms of the pages take no JSON, and stand in no description.
FORMS = (("POST", "/sign-in"), ("POST", "/sign-out"))


def pieces() -> Iterator[bytes]:
    """A hundred megabytes of which nobody was told how many they are."""
    yield b'{"name": "'
    for _ in range(HUGE):
        yield b"x" * MEGABYTE
    yield b'"}'


@pytest.fixture
def refusal(system: System) -> Callable[..., tuple[int, str, float]]:
    """Status, content type and the fewest seconds of the answer to a body."""

    def send(
        method: str, path: str, body: Callable[[], Any], kind: str = "application/json"
    ) -> tuple[int, str, float]:
        taken, answer = [], None
        with urllib3.PoolManager(retries=False, timeout=30) as http:
            while len(taken) < TRIES and min(taken, default=MOST) >= MOST:
                began = time.monotonic()
                answer = http.request(
                    method,
                    system.url + path,
                    body=body(),
                    headers={"Content-Type": kind},
                    redirect=False,
                )
                taken.append(time.monotonic() - began)
        assert answer is not None
        return answer.status, answer.headers["Content-Type"], min(taken)

    return send


def test_every_bad_body_is_refused_at_once_everywhere(
    system: System, refusal: Callable[..., tuple[int, str, float]]
) -> None:
    system.start_api()
    found = endpoints(system.call("GET", "/openapi.json"))
    assert ("POST", "/v1/jobs") in found
    wrong = []
    for method, path in found:
        for name, body in BODIES.items():
            status, kind, seconds = refusal(method, path, lambda body=body: body)
            refused = 400 <= status < 500 and status not in (404, 410)
            if not (refused and "json" in kind and seconds < MOST):
                wrong.append((method, path, name, status, kind, seconds))
    # No field has to be there, and none was given: nothing is wrong with such a body.
    assert [one for one in wrong if one[2] != "nothing" or not one[1].endswith("failed")] == []


def test_no_form_is_taken_for_more_than_it_is(
    system: System, refusal: Callable[..., tuple[int, str, float]]
) -> None:
    system.start_api()
    bodies = {
        **BODIES,
        "many fields": b"a&" * 1_000_000,
        "many fields of a key": b"key=x&" * 1_000_000,
        "many signs": b"key=" + b"%41" * 1_000_000,
    }
    wrong = []
    for method, path in FORMS:
        for name, body in bodies.items():
            for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
                status, _, seconds = refusal(method, path, lambda body=body: body, kind)
                small = {"/sign-in": 401, "/sign-out": 303}[path]
                if status != (413 if len(body) > 8192 else small) or seconds >= MOST:
                    wrong.append((path, name, kind, status, seconds))
    assert wrong == []


def test_a_hundred_megabytes_are_refused_at_once_everywhere(
    system: System, refusal: Callable[..., tuple[int, str, float]]
) -> None:
    system.start_api()
    whole = b'{"name": "' + b"x" * (HUGE * MEGABYTE) + b'"}'
    for method, path in [*endpoints(system.call("GET", "/openapi.json")), *FORMS]:
        for body in (lambda: whole, pieces):
            status, kind, seconds = refusal(method, path, body)
            assert (status, "json" in kind) == (413, (method, path) not in FORMS), path
            assert seconds < MOST, path
    assert system.refusal("GET", "/readyz") is None
