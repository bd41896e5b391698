"""A real HTTP server on this machine that answers by a script, faults included."""

import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """One answer. `sent` is how much of the body is really sent; None for all of it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    #: Leave out Content-Length, and end the body by closing.
    unsized: bool = False
    #: Close the connection without an answer.
    hang_up: bool = False
    #: Send the body byte by byte, with such waits between, seconds.
    drip: float = 0.0
    #: Wait for the server's end before answering.
    silent: bool = False


@dataclass(frozen=True)
class Asked:
    target: str
    headers: dict[str, str]
    #: Tells connections apart.
    connection: int


class ScriptedServer(ThreadingHTTPServer):
    """Gives its replies one a request, the last one again and again."""

    daemon_threads = True

    def __init__(self, replies: Sequence[Reply], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self._replies = list(replies)
        self._lock = threading.Lock()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def next_reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            return self._replies[min(len(self.asked), len(self._replies)) - 1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or refuses a certificate, is part of the script."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def do_GET(self) -> None:
        target = self.requestline.split(" ")[1]
        reply = self.server.next_reply(Asked(target, dict(self.headers), self.client_address[1]))
        if reply.silent:
            self.server.over.wait(30)
        if reply.hang_up or reply.silent:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.unsized:
            self.close_connection = True
        elif "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        pieces = (
            [bytes([byte]) for byte in reply.body] if reply.drip else [reply.body[: reply.sent]]
        )
        for piece in pieces:
            self.wfile.write(piece)
            self.server.over.wait(reply.drip)
        if reply.sent is not None:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Keep test output quiet."""


@contextmanager
def serving(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    server = ScriptedServer(replies, tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
