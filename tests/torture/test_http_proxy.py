"""Each fault of a request or an answer is what it says, as a client with its own eyes sees it."""

from collections.abc import Iterator

import pytest
import urllib3
from urllib3.exceptions import HTTPError, IncompleteRead, ProtocolError

from tests.torture.faults import (
    Answered,
    CutAfter,
    Drip,
    Fault,
    Garbled,
    HalfOpen,
    LostAnswer,
    Reset,
    Slowed,
    Truncated,
)
from tests.torture.http_proxy import HttpProxy
from tests.torture.little_servers import BLOB, BlobServer, running


@pytest.fixture
def server() -> Iterator[BlobServer]:
    server = BlobServer()
    with running(server):
        yield server


@pytest.fixture
def proxy(server: BlobServer) -> Iterator[HttpProxy]:
    proxy = HttpProxy(server.server_address[1], seed=1)
    yield proxy
    proxy.stop()


@pytest.fixture
def http(proxy: HttpProxy) -> Iterator[urllib3.HTTPConnectionPool]:
    with urllib3.HTTPConnectionPool("127.0.0.1", proxy.port, retries=False, timeout=10) as pool:
        yield pool


@pytest.mark.parametrize("path", ["/", "/bare", "/chunked"])
def test_all_is_passed_on(http: urllib3.HTTPConnectionPool, path: str) -> None:
    for _ in range(3):
        assert http.request("GET", path).data == BLOB
    assert http.num_connections == 1


def test_bodies_of_requests_and_answers_without_a_body(
    http: urllib3.HTTPConnectionPool, server: BlobServer
) -> None:
    assert http.request("PUT", "/a", body=b"content").status == 201
    assert http.request("HEAD", "/a").headers["Content-Length"] == str(len(BLOB))
    assert http.request("GET", "/").data == BLOB
    assert server.taken[:2] == [("PUT", "/a", b"content"), ("HEAD", "/a", b"")]
    assert http.num_connections == 1


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("retry_after", [None, "7"])
def test_answered(
    http: urllib3.HTTPConnectionPool,
    proxy: HttpProxy,
    server: BlobServer,
    status: int,
    retry_after: str | None,
) -> None:
    proxy.set(Answered(status, retry_after))
    answer = http.request("PUT", "/", body=b"content")
    assert answer.status == status and answer.headers.get("Retry-After") == retry_after
    assert server.taken == []
    proxy.set(None)
    assert http.request("GET", "/").data == BLOB
    assert http.num_connections == 1


def test_share_of_requests(http: urllib3.HTTPConnectionPool, proxy: HttpProxy) -> None:
    proxy.set(Answered(503, share=0.5))
    statuses = [http.request("GET", "/").status for _ in range(40)]
    assert 0 < statuses.count(503) < 40
    assert proxy.struck["Answered"] == statuses.count(503)


def test_truncated(http: urllib3.HTTPConnectionPool, proxy: HttpProxy) -> None:
    proxy.set(Truncated())
    answer = http.request("GET", "/", preload_content=False)
    assert int(answer.headers["Content-Length"]) == len(BLOB)
    with pytest.raises((IncompleteRead, ProtocolError)):
        answer.read()


def test_garbled_where_it_can_be_noticed(
    http: urllib3.HTTPConnectionPool, proxy: HttpProxy
) -> None:
    proxy.set(Garbled())
    answer = http.request("GET", "/")
    assert len(answer.data) == len(BLOB) and answer.data != BLOB
    assert http.request("GET", "/bare").data == BLOB
    assert proxy.struck["Garbled"] == 1


def test_drip(http: urllib3.HTTPConnectionPool, proxy: HttpProxy) -> None:
    proxy.set(Drip(0.2))
    answer = http.request("GET", "/", preload_content=False)
    first = answer.read1(len(BLOB))
    assert 0 < len(first) < len(BLOB)
    assert first + answer.read() == BLOB


def test_slowed(http: urllib3.HTTPConnectionPool, proxy: HttpProxy) -> None:
    proxy.set(Slowed(20, target="comp=list"))
    assert http.request("GET", "/").data == BLOB
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        http.request("GET", "/?comp=list", timeout=0.2)


def test_lost_answer(
    http: urllib3.HTTPConnectionPool, proxy: HttpProxy, server: BlobServer
) -> None:
    proxy.set(LostAnswer())
    with pytest.raises(ProtocolError):
        http.request("PUT", "/a", body=b"content")
    assert server.taken == [("PUT", "/a", b"content")]


@pytest.mark.parametrize("fault", [CutAfter(1000), Reset()])
def test_faults_of_connections_strike_here_too(
    http: urllib3.HTTPConnectionPool, proxy: HttpProxy, fault: Fault
) -> None:
    proxy.set(fault)
    with pytest.raises(HTTPError):
        http.request("GET", "/")
    proxy.set(None)
    assert http.request("GET", "/").data == BLOB


def test_half_open(http: urllib3.HTTPConnectionPool, proxy: HttpProxy) -> None:
    http.request("GET", "/")
    proxy.set(HalfOpen())
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        http.request("GET", "/", timeout=0.2)
    assert http.request("GET", "/").data == BLOB
