"""POSTs to real servers, well-behaved and not."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config import Settings
from core.containers.guard import Guard
from core.webhook_post import Posted, post
from core.webhooks import webhook_guard
from tests.receiver import Reply, raw_server, receiver
from tests.unit.core.containers.conftest import TLS_HOST, certificate, server_tls

__all__ = ["certificate", "server_tls"]  # fixtures

HERE = Settings(webhook_private_ranges=(ipaddress.ip_network("127.0.0.0/8"),))
BODY, HEADERS = b'{"a":1}', {"webhook-id": "msg_1"}


@pytest.fixture
def guard() -> Guard:
    """Every name is found on this machine, which may be reached."""
    return webhook_guard(HERE, lambda host, port: ["127.0.0.1"])


def answering(text: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(text)


def test_what_is_sent_arrives(guard: Guard) -> None:
    with receiver() as server:
        url = f"http://hooks.example.org:{server.port}/a b/\u00e9?key=1%2F2&x=y"
        assert post(url, BODY, HEADERS, guard) == Posted(204)
    (received,) = server.received
    assert received.body == BODY
    assert received.path == "/a%20b/%C3%A9?key=1%2F2&x=y"
    assert received.headers["host"] == f"hooks.example.org:{server.port}"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "msg_1"


@pytest.mark.parametrize("status", [200, 202, 301, 302, 307, 308, 400, 404, 410, 500, 503])
def test_the_status_is_told_and_no_redirect_followed(status: int, guard: Guard) -> None:
    with receiver() as aim, receiver(Reply(status, {"Location": aim.url})) as server:
        assert post(server.url, BODY, HEADERS, guard) == Posted(status)
    assert len(server.received) == 1 and aim.received == []


@pytest.mark.parametrize(
    ("told", "seconds"), [("120", 120.0), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)]
)
def test_what_the_receiver_asks_for_is_told(told: str, seconds: float | None, guard: Guard) -> None:
    with receiver(Reply(503, {"Retry-After": told})) as server:
        assert post(server.url, BODY, HEADERS, guard) == Posted(503, retry_after=seconds)


# Receivers that do not behave.


def test_nobody_there(guard: Guard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert post(f"http://x.org:{port}/", BODY, HEADERS, guard) == Posted(error="connection")


@pytest.mark.parametrize(
    ("answer", "posted"),
    [
        (b"", Posted(error="connection")),
        (b"SSH-2.0-OpenSSH\r\n", Posted(error="bad_answer")),
        (b"HTTP/1.1 abc\r\n\r\n", Posted(error="bad_answer")),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10**7, Posted(200)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", Posted(200)),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10**6, Posted(error="bad_answer")),
        (b"HTTP/1.1 200 " + b"x" * 10**7, Posted(200)),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10**7, Posted(200)),
    ],
    ids=["nothing", "ssh", "no status", "huge body", "no body", "headers", "reason", "header"],
)
def test_strange_answers(answer: bytes, posted: Posted, guard: Guard) -> None:
    with raw_server(answering(answer)) as port:
        assert post(f"http://x.org:{port}/", BODY, HEADERS, guard) == posted


def test_no_more_than_4_kb_are_read(guard: Guard) -> None:
    sent = 0

    def talk(connection: socket.socket) -> None:
        nonlocal sent
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connection.settimeout(5)
        sent += connection.send(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            sent += connection.send(b"x" * 1024)
            time.sleep(0.001)

    with raw_server(talk) as port:
        assert post(f"http://x.org:{port}/", BODY, HEADERS, guard) == Posted(200)
        time.sleep(0.1)
    assert sent < 32 * 1024


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100, b""])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_one_deadline_holds_for_everything(scheme: str, answer: bytes, guard: Guard) -> None:
    def drip(connection: socket.socket) -> None:
        for index in range(100):
            if scheme == "http":
                connection.sendall(answer[index : index + 1])
            time.sleep(0.05)

    with raw_server(drip) as port:
        began = time.monotonic()
        posted = post(f"{scheme}://x.org:{port}/", BODY, HEADERS, guard, seconds=0.4)
    assert posted == Posted(error="timeout")
    assert 0.3 < time.monotonic() - began < 1.0


def test_looking_a_host_up_has_the_same_deadline() -> None:
    def slow(host: str, port: int) -> list[str]:
        time.sleep(1)
        return ["127.0.0.1"]

    began = time.monotonic()
    guard = webhook_guard(HERE, slow)
    assert post("http://x.org/", BODY, HEADERS, guard, seconds=0.2) == Posted(error="timeout")
    assert time.monotonic() - began < 0.8


# Where it may lead.


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with receiver() as server:
        url = f"http://hooks.example.org:{server.port}/"
        assert post(url, BODY, HEADERS, webhook_guard(HERE, rebinding)) == Posted(204)
    assert asked == ["hooks.example.org"]


def test_a_name_that_resolves_differently_the_second_time_is_refused() -> None:
    addresses = iter(["20.60.1.2", "127.0.0.1"])
    guard = webhook_guard(Settings(), lambda host, port: [next(addresses)])
    assert guard.check("https://hooks.example.org/x")[1] == "20.60.1.2"
    with receiver() as server:
        url = f"https://hooks.example.org:{server.port}/x"
        assert post(url, BODY, HEADERS, guard) == Posted(error="not_allowed")
    assert server.received == []


def test_a_host_that_is_gone() -> None:
    guard = webhook_guard(Settings(), lambda host, port: [])
    assert post("https://gone.example.org/", BODY, HEADERS, guard) == Posted(error="host_not_found")


# TLS.


def test_tls_is_to_the_host_by_name(
    certificate: Path, server_tls: ssl.SSLContext, guard: Guard
) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    with receiver(tls=server_tls) as server:
        url = f"https://{TLS_HOST}:{server.port}/"
        assert post(url, BODY, HEADERS, guard, tls=trusting) == Posted(204)
        other = f"https://other.example.org:{server.port}/"
        assert post(other, BODY, HEADERS, guard, tls=trusting) == Posted(error="tls")
        assert post(url, BODY, HEADERS, guard) == Posted(error="tls")
    assert len(server.received) == 1


def test_a_server_without_tls(guard: Guard) -> None:
    with raw_server(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        assert post(f"https://x.org:{port}/", BODY, HEADERS, guard) == Posted(error="tls")
