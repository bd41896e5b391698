"""Real little servers behind which a proxy is tried out: one echoes, one serves a blob by HTTP."""

import hashlib
import socketserver
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOB = bytes(range(256)) * 40


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    """Sends back what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections are cut on purpose."""


class BlobServer(ThreadingHTTPServer):
    """Answers each GET with `BLOB`; `/bare` has no digest, `/chunked` no length."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _BlobHandler)
        #: Method, path and body of each request.
        self.taken: list[tuple[str, str, bytes]] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections are cut on purpose."""


class _BlobHandler(BaseHTTPRequestHandler):
    server: BlobServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._take()
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(BLOB)))
        if self.path == "/":
            self.send_header("Content-MD5", b64encode(hashlib.md5(BLOB).digest()).decode())
        self.end_headers()
        self.wfile.write(_chunked(BLOB) if self.path == "/chunked" else BLOB)

    def do_HEAD(self) -> None:
        self._take()
        self.send_response(200)
        self.send_header("Content-Length", str(len(BLOB)))
        self.end_headers()

    def do_PUT(self) -> None:
        self._take()
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.taken.append((self.command, self.path, body))

    def log_message(self, *_arguments: object) -> None:
        pass


def _chunked(body: bytes) -> bytes:
    half = len(body) // 2
    pieces = [body[:half], body[half:], b""]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    """The server serves in a thread while the block runs."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
