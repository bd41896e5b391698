"""A proxy that knows requests from answers, and can have each of them go wrong."""

import asyncio
from random import Random

from tests.torture.faults import Answered, Drip, Fault, Garbled, LostAnswer, Slowed, Truncated
from tests.torture.http_wire import Head, read_body, read_head
from tests.torture.tcp_proxy import Connection, CutOffError, TcpProxy

_DRIPS = 10


class HttpProxy(TcpProxy):
    """Its faults of HTTP strike requests by chance, from a seed of its own."""

    def __init__(self, target: int, seed: int = 0) -> None:
        self._chance = Random(seed)
        super().__init__(target)

    async def relay(self, connection: Connection) -> None:
        """Pass requests on one by one, until the client ends the connection."""
        while request := await read_head(connection.reader):
            body = await read_body(connection.reader, request)
            fault = self._fault_of_request()
            if isinstance(fault, Answered):
                self._strike(fault)
                await self.to_client(connection, _answer(fault))
            else:
                await self._slow_down(request)
                answer = await self._ask(connection, request, body)
                await self._tell(connection, request, answer, fault)

    def _fault_of_request(self) -> Fault | None:
        fault = self._fault
        if isinstance(fault, Answered | Truncated | Garbled | Drip | LostAnswer):
            return fault if self._chance.random() < fault.share else None
        return None

    async def _slow_down(self, request: Head) -> None:
        if isinstance(self._fault, Slowed) and self._fault.target in request.words[1]:
            self._strike(self._fault)
            await asyncio.sleep(self._fault.seconds)

    async def _ask(self, connection: Connection, request: Head, body: bytes) -> tuple[Head, bytes]:
        """The server's answer, body and all."""
        reader, writer = await self.server_of(connection)
        await self.to_server(writer, request.raw + body)
        head = await read_head(reader)
        if head is None:
            raise CutOffError("the server has ended the connection")
        return head, await self._body(reader, head, request.method)

    async def _body(self, reader: asyncio.StreamReader, head: Head, method: str) -> bytes:
        if not head.has_body(method):
            return b""
        if head.length is None and not head.chunked:
            return await reader.read()
        return await read_body(reader, head)

    async def _tell(
        self, connection: Connection, request: Head, answer: tuple[Head, bytes], fault: Fault | None
    ) -> None:
        head, body = answer
        if isinstance(fault, LostAnswer):
            self._strike(fault)
            raise CutOffError
        if isinstance(fault, Truncated) and body:
            self._strike(fault)
            await self.to_client(connection, head.raw + body[: len(body) // 2])
            raise CutOffError
        if isinstance(fault, Garbled) and _can_be_noticed(request, head, body):
            self._strike(fault)
            body = garbled(body)
        if isinstance(fault, Drip) and body:
            self._strike(fault)
            await self._drip(connection, head.raw, body, fault.seconds)
        else:
            await self.to_client(connection, head.raw + body)
        if head.header("connection") == "close":
            raise CutOffError

    async def _drip(self, connection: Connection, head: bytes, body: bytes, seconds: float) -> None:
        await self.to_client(connection, head)
        size = max(1, -(-len(body) // _DRIPS))
        for start in range(0, len(body), size):
            await asyncio.sleep(seconds / _DRIPS)
            await self.to_client(connection, body[start : start + size])


def _can_be_noticed(request: Head, head: Head, body: bytes) -> bool:
    told = head.header("content-md5") or head.header("x-ms-blob-content-md5")
    return request.method == "GET" and head.status == 200 and bool(body and told)


def garbled(body: bytes) -> bytes:
    """As many bytes, of which some at the end are others.

    There a picture has its pixels; of its tables, before them, many entries are never used.
    """
    start, end = len(body) * 85 // 100, len(body) * 95 // 100 + 1
    return body[:start] + bytes(byte ^ 0x55 for byte in body[start:end]) + body[end:]


def _answer(fault: Answered) -> bytes:
    asked = f"Retry-After: {fault.retry_after}\r\n" if fault.retry_after else ""
    # The code of Azure's own 503; its clients look at the status alone.
    code = "x-ms-error-code: ServerBusy\r\n"
    return f"HTTP/1.1 {fault.status} Fault\r\n{code}{asked}Content-Length: 0\r\n\r\n".encode()
