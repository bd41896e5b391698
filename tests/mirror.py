"""A real https server with its own certificate, which gives files in good and bad ways."""

import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Served:
    """What stands at one path."""

    def __init__(
        self,
        content: bytes,
        *,
        etag: str = '"1"',
        cuts: tuple[int, ...] = (),
        status: int = 200,
        location: str = "",
        kind: str = "application/octet-stream",
        size: int | None = None,
        ranges: str = "right",
    ) -> None:
        self.content = content
        self.etag = etag
        #: After so many bytes of the file the first, the second ... answer breaks off.
        self.cuts = list(cuts)
        self.status = status
        self.location = location
        self.kind = kind
        #: Told as Content-Length.
        self.size = len(content) if size is None else size
        #: `right`, `careless` (heeds no If-Range), or `shifted` (gives other bytes than it says).
        self.ranges = ranges
        #: An answer that breaks off waits for this before it does.
        self.may_break = threading.Event()
        self.may_break.set()

    def start(self, request: BaseHTTPRequestHandler) -> int:
        """The first byte that the request asks for; -1 for the whole file."""
        wanted = request.headers.get("Range")
        if wanted is None:
            return -1
        if self.ranges == "right" and request.headers.get("If-Range") != self.etag:
            return -1
        return int(wanted.removeprefix("bytes=").rstrip("-"))


class _Server(ThreadingHTTPServer):
    def handle_error(self, *words: object) -> None:
        """Say nothing of clients that went away, which tests let them do."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(*words)  # type: ignore[arg-type]


class Mirror:
    """Remembers each path that was asked for, with the range, and the status it answered with."""

    def __init__(self, certificate: Path, key: Path, *, plain: bool = False) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[str] = []
        self.answered: list[int] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                part = self.headers.get("Range", "")
                mirror.asked.append(f"{self.path} {part}".rstrip())
                mirror._answer(self)

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        if not plain:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        scheme = "http" if plain else "https"
        self.url = f"{scheme}://localhost:{self._server.server_address[1]}"
        self.certificate = certificate
        self.pool = urllib3.PoolManager(ca_certs=str(certificate))

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        served = self.files.get(request.path)
        if served is None:
            return request.send_error(404)
        start = served.start(request)
        size = len(served.content)
        self.answered.append(served.status if start < 0 else 206)
        request.send_response(self.answered[-1])
        if start >= 0:
            told = start - 1 if served.ranges == "shifted" else start
            request.send_header("Content-Range", f"bytes {told}-{size - 1}/{size}")
        for name, value in (("ETag", served.etag), ("Location", served.location)):
            if value:
                request.send_header(name, value)
        request.send_header("Content-Type", served.kind)
        request.send_header("Content-Length", str(served.size - max(start, 0)))
        request.end_headers()
        end = served.cuts.pop(0) if served.cuts else size
        request.wfile.write(served.content[max(start, 0) : end])
        if end < size:
            served.may_break.wait(60)
        request.close_connection = True

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.pool.clear()


@contextmanager
def running_mirror(folder: Path, *, plain: bool = False) -> Iterator[Mirror]:
    started = Mirror(*certificate(folder), plain=plain)
    try:
        yield started
    finally:
        started.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """The files of a certificate for `localhost` and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
