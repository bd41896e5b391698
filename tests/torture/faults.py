"""What a proxy can do to those who talk through it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Whatever is sent, in either direction, comes so much later."""

    seconds: float


@dataclass(frozen=True)
class CutAfter:
    """A connection is closed once the server has sent so many bytes over it."""

    size: int


@dataclass(frozen=True)
class Reset:
    """Connections are reset (RST): those there are, and each new one."""


@dataclass(frozen=True)
class BlackHole:
    """Connections are taken, and nothing comes through them, until it is over."""


@dataclass(frozen=True)
class HalfOpen:
    """Connections there are lose their server for good, and nobody tells the client.

    New ones are served: so it is after a firewall has forgotten what it let through.
    """


@dataclass(frozen=True)
class Refuse:
    """Nobody listens, and connections there are end."""


@dataclass(frozen=True)
class Answered:
    """A share of the requests, 0..1, is answered with this status and never reaches the server."""

    status: int
    retry_after: str | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Truncated:
    """A share of the bodies ends halfway, under a head that told the whole length."""

    share: float = 1.0


@dataclass(frozen=True)
class Garbled:
    """A share of the blobs has other bytes, as many as its head told.

    Only where the head carries a Content-MD5: nobody can notice it elsewhere, and a reader who
    believes wrong bytes that nothing contradicts breaks no promise.
    """

    share: float = 1.0


@dataclass(frozen=True)
class Drip:
    """A share of the bodies comes in small pieces, over so many seconds."""

    seconds: float
    share: float = 1.0


@dataclass(frozen=True)
class LostAnswer:
    """A share of the requests is done by the server, and the connection ends without an answer."""

    share: float = 1.0


@dataclass(frozen=True)
class Slowed:
    """Requests whose target holds these letters reach the server so much later."""

    seconds: float
    target: str


TcpFault = Latency | CutAfter | Reset | BlackHole | HalfOpen | Refuse
HttpFault = Answered | Truncated | Garbled | Drip | LostAnswer | Slowed
Fault = TcpFault | HttpFault
