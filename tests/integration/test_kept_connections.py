"""One connection, many requests: one after another, and all sent before the first answer."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.system import System

pytestmark = pytest.mark.integration

PROBE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
REQUESTS = 200


@pytest.fixture
def client(system: System) -> Iterator[socket.socket]:
    system.start_api()
    with socket.create_connection(("127.0.0.1", system.port), timeout=30) as client:
        yield client


def take_answers(client: socket.socket, count: int) -> set[bytes]:
    """The first lines of so many answers, whose bodies are as long as they say."""
    found = set()
    with client.makefile("rb") as answers:
        for _ in range(count):
            first, *headers = iter(answers.readline, b"\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in headers)
            assert len(answers.read(int(fields[b"content-length"]))) > 0
            found.add(first)
    return found


def test_a_request_after_another(client: socket.socket) -> None:
    for _ in range(REQUESTS):
        client.sendall(PROBE)
        assert take_answers(client, 1) == {b"HTTP/1.1 200 OK\r\n"}


def test_all_requests_at_once(client: socket.socket) -> None:
    sender = threading.Thread(target=client.sendall, args=(PROBE * REQUESTS,))
    sender.start()
    assert take_answers(client, REQUESTS) == {b"HTTP/1.1 200 OK\r\n"}
    sender.join()


def test_many_connections_at_once(client: socket.socket) -> None:
    def ask() -> None:
        with socket.create_connection(client.getpeername(), timeout=30) as other:
            test_a_request_after_another(other)

    with ThreadPoolExecutor(20) as pool:
        for asked in [pool.submit(ask) for _ in range(20)]:
            asked.result()


def test_a_kept_connection_does_not_hold_up_the_end(client: socket.socket, system: System) -> None:
    client.sendall(PROBE)
    take_answers(client, 1)
    process = system.processes["api"]
    process.terminate()
    assert process.wait(10) == 0
