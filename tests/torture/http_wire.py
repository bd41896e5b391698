"""Reading HTTP/1.1 messages from a stream, no more of it than a proxy needs."""

import asyncio
from dataclasses import dataclass

_END = b"\r\n\r\n"
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True)
class Head:
    """The head of a request or an answer, as it came."""

    raw: bytes

    @property
    def words(self) -> list[str]:
        """Of its first line: method and target, or version and status."""
        return self.raw.partition(b"\r\n")[0].decode("latin-1").split(" ")

    @property
    def method(self) -> str:
        return self.words[0]

    @property
    def status(self) -> int:
        return int(self.words[1])

    @property
    def chunked(self) -> bool:
        return (self.header("transfer-encoding") or "").lower() == "chunked"

    @property
    def length(self) -> int | None:
        told = self.header("content-length")
        return None if told is None else int(told)

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case."""
        for line in self.raw.split(b"\r\n")[1:]:
            key, _, value = line.decode("latin-1").partition(":")
            if key.lower() == name:
                return value.strip()
        return None

    def has_body(self, method: str) -> bool:
        """Whether a body follows this head of an answer to `method`."""
        return method != "HEAD" and self.status not in _BODILESS


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None where the other side has ended the connection before it."""
    try:
        return Head(await reader.readuntil(_END))
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None


async def read_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    """The body that a head announces, with the marks of its chunks where it has some."""
    if head.chunked:
        return await _read_chunks(reader)
    return await reader.readexactly(head.length or 0)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    pieces: list[bytes] = []
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        pieces += [line, await reader.readexactly(size + 2)]
        if size == 0:
            return b"".join(pieces)
