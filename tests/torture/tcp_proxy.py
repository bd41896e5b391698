"""A proxy between clients and a server on this machine, whose connections can be made to fail."""

import asyncio
import socket
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from tests.torture.faults import BlackHole, CutAfter, Fault, HalfOpen, Latency, Refuse, Reset
from tests.torture.loop_thread import LoopThread

_HOST = "127.0.0.1"
_PIECE = 1 << 16
#: A head of a request or an answer is no longer than this.
_LIMIT = 1 << 20
# Closed with this, a socket is reset: whatever was still to be sent is dropped.
_NO_LINGER = struct.pack("ii", 1, 0)


class CutOffError(ConnectionError):
    """The proxy itself has ended the connection."""


@dataclass(eq=False)
class Connection:
    """One client, and its connection to the server once there is one."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    relay: "asyncio.Future[None] | None" = None
    #: Bytes that the server has sent over it.
    sent: int = 0
    severed: bool = False

    def reset(self) -> None:
        """Drop the client with an RST, and the server with it."""
        linger(self.writer)
        self.end()

    def sever(self) -> None:
        """Take the server away, and let the client believe that all is well."""
        self.severed = True
        if self.relay:
            self.relay.cancel()

    def end(self) -> None:
        self.writer.transport.abort()
        self.end_server()
        if self.relay:
            self.relay.cancel()

    def end_server(self) -> None:
        if self.server:
            self.server[1].transport.abort()
            self.server = None


def linger(writer: asyncio.StreamWriter) -> None:
    """Have a connection reset when it is closed."""
    of_transport = writer.get_extra_info("socket")
    if of_transport is not None and of_transport.fileno() >= 0:
        of_transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)


class TcpProxy:
    """Passes bytes on; one fault at a time is in force, for all connections."""

    def __init__(self, target: int) -> None:
        """`target`: the server's port on this machine."""
        self._target = target
        self._thread = LoopThread()
        self._connections: set[Connection] = set()
        self._fault: Fault | None = None
        self._listener: asyncio.Server | None = None
        self._waiting = bound_socket(0)
        self.port: int = self._waiting.getsockname()[1]
        #: How often each kind of fault has struck.
        self.struck: Counter[str] = Counter()
        self._thread.run(self._begin())

    def set(self, fault: Fault | None) -> None:
        """Have this fault in force, in place of any other; None for none."""
        self._thread.run(self._apply(fault))

    def stop(self) -> None:
        self._thread.run(self._end())
        self._thread.stop()

    # All below runs in the loop.

    async def _begin(self) -> None:
        self._gate = asyncio.Event()
        self._gate.set()
        await self._listen()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(
            self._serve, sock=self._waiting, limit=_LIMIT, backlog=1024
        )

    async def _apply(self, fault: Fault | None) -> None:
        self._fault = fault
        if isinstance(fault, Refuse):
            self._stop_listening()
        elif not self._listener:
            await self._listen()
        if isinstance(fault, BlackHole):
            self._gate.clear()
        else:
            self._gate.set()
        self._strike_all(fault)

    def _stop_listening(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
            # Bound and not listening: the port stays ours, and whoever connects is refused.
            self._waiting = bound_socket(self.port)

    def _strike_all(self, fault: Fault | None) -> None:
        for connection in list(self._connections):
            if isinstance(fault, Reset | Refuse):
                self._strike(fault)
                connection.reset()
            elif isinstance(fault, HalfOpen):
                self._strike(fault)
                connection.sever()

    def _strike(self, fault: Fault) -> None:
        self.struck[type(fault).__name__] += 1

    async def _end(self) -> None:
        if self._listener:
            self._listener.close()
        else:
            self._waiting.close()
        for connection in list(self._connections):
            connection.end()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        if isinstance(self._fault, Reset):
            self._strike(self._fault)
            connection.reset()
            return
        self._connections.add(connection)
        try:
            connection.relay = asyncio.ensure_future(self._relayed(connection))
            await asyncio.wait([connection.relay])
            connection.end_server()
            if connection.severed:
                await _swallow(reader)
        finally:
            self._connections.discard(connection)
            connection.end()

    async def _relayed(self, connection: Connection) -> None:
        with suppress(OSError, EOFError, asyncio.LimitOverrunError):  # one of both has gone
            await self._open()
            with suppress(CutOffError):
                await self.relay(connection)
            # What was passed on before the end still has to arrive.
            connection.writer.close()
            await connection.writer.wait_closed()

    async def relay(self, connection: Connection) -> None:
        """Pass on what both sides say, until one of them ends it."""
        reader, writer = await self.server_of(connection)
        there = asyncio.ensure_future(self._pump(connection, connection.reader, writer))
        back = asyncio.ensure_future(self._pump(connection, reader, connection.writer))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (there, back):
                one.cancel()
            await asyncio.gather(there, back, return_exceptions=True)

    async def server_of(
        self, connection: Connection
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The connection to the server, opened where there is none."""
        if connection.server is None:
            connection.server = await asyncio.open_connection(_HOST, self._target, limit=_LIMIT)
        return connection.server

    async def _pump(
        self, connection: Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(_PIECE):
            if sink is connection.writer:
                await self.to_client(connection, data)
            else:
                await self.to_server(sink, data)

    async def to_server(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        await self._open()
        sink.write(data)
        await sink.drain()

    async def to_client(self, connection: Connection, data: bytes) -> None:
        """Pass on what the server says. Raises CutOffError where it said too much."""
        await self._open()
        if isinstance(self._fault, CutAfter):
            data, over = data[: max(0, self._fault.size - connection.sent)], data
            if len(data) < len(over):
                self._strike(self._fault)
                await _written(connection.writer, data)
                raise CutOffError
        connection.sent += len(data)
        await _written(connection.writer, data)

    async def _open(self) -> None:
        """Wait while nothing comes through, and while all comes late."""
        if not self._gate.is_set():
            self.struck[BlackHole.__name__] += 1
            await self._gate.wait()
        if isinstance(self._fault, Latency):
            self._strike(self._fault)
            await asyncio.sleep(self._fault.seconds)


def bound_socket(port: int) -> socket.socket:
    """A socket that has this port, or a free one, and does not listen yet."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((_HOST, port))
    return bound


async def _written(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _swallow(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(_PIECE):
            pass
