"""Each fault of a connection is what it says, and when it is over all is well again."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.torture.faults import BlackHole, CutAfter, HalfOpen, Latency, Refuse, Reset
from tests.torture.little_servers import EchoServer, running
from tests.torture.tcp_proxy import TcpProxy

#: Seconds in which an echo would long have come.
SOON = 0.2


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    server = EchoServer()
    with running(server):
        proxy = TcpProxy(server.server_address[1])
        yield proxy
        proxy.stop()


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def echo(connection: socket.socket, data: bytes = b"anyone?") -> bytes:
    """As much of the echo as comes before the connection ends."""
    connection.sendall(data)
    heard = b""
    while len(heard) < len(data) and (piece := connection.recv(65536)):
        heard += piece
    return heard


def is_silent(connection: socket.socket) -> bool:
    connection.settimeout(SOON)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(10)
    return False


def works(proxy: TcpProxy) -> bool:
    with connect(proxy) as connection:
        return echo(connection) == b"anyone?"


def test_all_is_passed_on(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert echo(connection, b"x" * 1_000_000) == b"x" * 1_000_000


def test_who_goes_takes_the_other_along(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        echo(connection)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_latency(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        proxy.set(Latency(SOON))
        began = time.monotonic()
        assert echo(connection) == b"anyone?"
        assert time.monotonic() - began >= 2 * SOON  # there and back: it cannot be sooner


def test_cut_after_so_many_bytes(proxy: TcpProxy) -> None:
    proxy.set(CutAfter(10))
    with connect(proxy) as connection:
        assert echo(connection, b"x" * 10) == b"x" * 10
    with connect(proxy) as connection:
        assert echo(connection, b"y" * 20) == b"y" * 10
    proxy.set(None)
    assert works(proxy)


def test_reset(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        echo(connection)
        proxy.set(Reset())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionResetError), connect(proxy) as connection:
        connection.recv(1)
    assert proxy.struck["Reset"] == 2
    proxy.set(None)
    assert works(proxy)


def test_black_hole(proxy: TcpProxy) -> None:
    with connect(proxy) as before:
        echo(before)
        proxy.set(BlackHole())
        with connect(proxy) as during:
            for connection in (before, during):
                connection.sendall(b"late")
                assert is_silent(connection)
            proxy.set(None)
            assert before.recv(4) == during.recv(4) == b"late"


def test_half_open(proxy: TcpProxy) -> None:
    with connect(proxy) as before:
        echo(before)
        proxy.set(HalfOpen())
        before.sendall(b"lost")
        assert is_silent(before)
        assert works(proxy)
        proxy.set(None)
        assert is_silent(before)


def test_refuse(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        echo(connection)
        proxy.set(Refuse())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.set(None)
    assert works(proxy)


def test_server_that_is_gone_and_comes_back() -> None:
    server = EchoServer()
    port = server.server_address[1]
    server.server_close()
    proxy = TcpProxy(port)
    try:
        with connect(proxy) as connection:
            assert connection.recv(1) == b""
    finally:
        proxy.stop()


def test_listens_on_this_machine_alone(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", proxy.port), timeout=10)


def test_stopped_proxy_ends_its_connections() -> None:
    server = EchoServer()
    with running(server):
        proxy = TcpProxy(server.server_address[1])
        with connect(proxy) as connection:
            echo(connection)
            proxy.stop()
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
