"""Clients that stop in the middle, or go on by a byte now and then, over raw sockets."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from core.config import Settings
from core.job_folder import open_job_folder
from tests.fixtures.system import System
from tests.impatient_api import PATIENCE
from tests.integration.test_api import JOB, completed_job

pytestmark = pytest.mark.integration

#: More than the kernel keeps for a client that does not read.
LARGE = 60_000_000
STALLED = 40
#: More than there are threads.
MANY = 100

HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
DOWNLOAD = f"GET /v1/jobs/{JOB}/results HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()

Connect = Callable[[bytes], socket.socket]


@pytest.fixture
def api(system: System, settings: Settings) -> System:
    system.start_api()
    completed_job(open_job_folder(settings), LARGE)
    return system


@pytest.fixture
def impatient(system: System, settings: Settings) -> System:
    """An API that drops slow clients after two seconds."""
    system.start("api", "tests.impatient_api", "--port", str(system.port))
    system.wait_until(lambda: system.refusal("GET", "/readyz") is None, "the API answers")
    completed_job(open_job_folder(settings), LARGE)
    return system


@pytest.fixture
def connect(system: System) -> Iterator[Connect]:
    """Opens a connection that stays open, and sends this much."""
    with ExitStack() as opened:

        def connect(data: bytes) -> socket.socket:
            client = socket.socket()
            opened.enter_context(client)
            client.settimeout(60)
            # So that what is not read stays with the service.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", system.port))
            client.sendall(data)
            return client

        yield connect


def beginning(client: socket.socket) -> bytes | None:
    """Of what came so far; None where nothing did and the connection stands."""
    client.setblocking(False)
    try:
        return client.recv(12)
    except BlockingIOError:
        return None


@pytest.mark.parametrize(
    ("sent", "count", "got"),
    [
        (b"", MANY, {None}),
        (HEAD, MANY, {None}),
        (HEAD + b'Content-Length: 1000\r\n\r\n{"name": "nor', STALLED, {None}),
        (DOWNLOAD, STALLED, {b"HTTP/1.1 200", b"HTTP/1.1 503"}),
    ],
    ids=["nothing", "half a head", "half a body", "an answer not read"],
)
def test_others_are_answered_while_many_stall(
    api: System,
    connect: Connect,
    tmp_path: Path,
    sent: bytes,
    count: int,
    got: set[bytes | None],
) -> None:
    stalled = [connect(sent) for _ in range(count)]
    for _ in range(3):
        assert api.refusal("GET", "/healthz") is None
        job_id = api.submit(container_url=str(tmp_path / "pictures"))
        assert api.job(job_id)["status"] == "queued"
    assert {beginning(client) for client in stalled} == got  # none of them has been dropped


def head_of(client: socket.socket) -> bytes:
    with client.makefile("rb") as answer:
        return b"".join(iter(answer.readline, b"\r\n"))


def test_readers_that_stall_leave_threads_free(api: System, connect: Connect) -> None:
    answers = [head_of(connect(DOWNLOAD)) for _ in range(STALLED)]
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
    assert len(refused) == STALLED - 32
    assert all(b"Retry-After: 5\r\n" in answer for answer in refused)


def test_who_has_gone_leaves_room_for_the_next(api: System, connect: Connect) -> None:
    stalled = [connect(DOWNLOAD) for _ in range(STALLED)]
    assert {head_of(client)[:12] for client in stalled} == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    for client in stalled:
        client.close()
    api.wait_until(
        lambda: head_of(connect(DOWNLOAD)).startswith(b"HTTP/1.1 200"), "a download begins", 20
    )


def drip(client: socket.socket, pieces: Iterator[bytes]) -> bool:
    """Send them one by one; whether the service let it come to an end."""
    try:
        for piece in pieces:
            client.sendall(piece)
            time.sleep(PATIENCE / 10)
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "sent", [HEAD + b"X: ", HEAD + b"Content-Length: 1000000\r\n\r\n"], ids=["a head", "a body"]
)
def test_a_byte_now_and_then_gains_no_time(
    impatient: System, connect: Connect, sent: bytes
) -> None:
    assert not drip(connect(sent), iter([b"x"] * 50))
    assert impatient.refusal("GET", "/healthz") is None
    assert "Traceback" not in impatient.logs()


def test_half_a_body_is_told_to_be_late(impatient: System, connect: Connect) -> None:
    client = connect(HEAD + b"Content-Length: 1000\r\n\r\n{")
    assert head_of(client).startswith(b"HTTP/1.1 408")


def test_a_slow_upload_that_goes_on_is_taken(
    impatient: System, connect: Connect, tmp_path: Path
) -> None:
    body = json.dumps({"container_url": str(tmp_path / "pictures")}).encode()
    body += b" " * (20 * 8192 - len(body))
    client = connect(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
    assert drip(client, (body[start : start + 8192] for start in range(0, len(body), 8192)))
    assert head_of(client).startswith(b"HTTP/1.1 202")


def received(client: socket.socket, pause: float, pauses: int) -> int:
    """Bytes that come; between the first pieces the reader takes its time."""
    count = 0
    with suppress(ConnectionError):
        while data := client.recv(100_000):
            count += len(data)
            if pauses:
                pauses -= 1
                time.sleep(pause)
    return count


def test_a_reader_that_takes_nothing_is_dropped(impatient: System, connect: Connect) -> None:
    client = connect(DOWNLOAD)
    impatient.wait_until(lambda: "an answer was not taken" in impatient.logs(), "it is dropped")
    assert received(client, 0, 0) < LARGE


def test_a_slow_reader_gets_all_of_it(impatient: System, connect: Connect) -> None:
    client = connect(DOWNLOAD)
    assert received(client, PATIENCE / 10, 40) > LARGE
    assert "an answer was not taken" not in impatient.logs()
