"""The collaborator's client asks again while it may, and tells what the API never may answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.receiver import Reply as Answer
from tests.receiver import receiver
from tests.torture.client import BadManners, Client, RoundOver
from tests.unit.core.containers.scripted_server import Reply, ScriptedServer, serving


@contextmanager
def client_of(server: ScriptedServer, over: threading.Event | None = None) -> Iterator[Client]:
    client = Client(server.url, over or threading.Event())
    yield client
    client.close()


@pytest.mark.parametrize(
    "trouble", [Reply(503), Reply(429), Reply(hang_up=True), Reply(200, b"{}", sent=1)]
)
def test_asks_again(trouble: Reply) -> None:
    with serving(trouble, Reply(200, b'{"id": "j"}')) as server, client_of(server) as client:
        assert client.job("j") == {"id": "j"}


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422, 500, 502])
def test_what_the_api_never_may_answer(status: int) -> None:
    told = pytest.raises(BadManners, match=f"GET /v1/jobs/j: {status}")
    with serving(Reply(status)) as server, client_of(server) as client, told:
        client.job("j")


def test_a_cancellation_may_come_too_late() -> None:
    with receiver(Answer(503), Answer(409)) as server:
        client = Client(f"http://127.0.0.1:{server.port}", threading.Event())
        client.cancel("j")
        client.close()
    assert [one.path for one in server.received] == ["/v1/jobs/j/cancel"] * 2


def test_nobody_waits_when_the_round_is_over() -> None:
    over = threading.Event()
    over.set()
    told = pytest.raises(RoundOver)
    with serving(Reply(503)) as server, client_of(server, over) as client, told:
        client.job("j")
