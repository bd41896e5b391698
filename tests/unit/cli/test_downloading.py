"""Downloads over connections that break, from a real server that knows Range."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli import downloading
from cli.client import Client
from core.errors import MegaBatchError, Unavailable
from core.jobs import FileKind

CONTENT = bytes(range(256)) * 20_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PIECE = 1 << 20


class Server:
    """Serves one file at every path, and breaks off after so many bytes, a number a request."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.etag = '"one"'
        self.cuts: list[int] = []
        self.ranges: list[tuple[str, str | None, str | None]] = []
        self.url = ""

    def part(self, asked: str | None, known: str | None) -> tuple[int, int]:
        """Status and first byte."""
        if asked is None or (known is not None and known != self.etag):
            return 200, 0
        (start,) = re.findall(r"^bytes=(\d+)-$", asked)
        return 206, int(start)


@contextmanager
def running() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked, known = self.headers.get("Range"), self.headers.get("If-Range")
            server.ranges.append((self.path, asked, known))
            status, start = server.part(asked, known)
            rest = server.content[start:]
            self.send_response(status)
            self.send_header("Content-Length", str(len(rest)))
            self.send_header("ETag", server.etag)
            self.end_headers()
            cut = server.cuts.pop(0) if server.cuts else len(rest)
            self.wfile.write(rest[:cut])
            self.close_connection = cut < len(rest)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield server
        http.shutdown()
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(downloading, "WAITS", (0.01, 0.01, 0.01))
    with running() as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = Client(server.url)
    yield client
    client.close()


def test_a_broken_download_goes_on_where_it_was(
    client: Client, server: Server, tmp_path: Path
) -> None:
    # Eight breaks in a row are more than one wait each would bear: bytes came in between.
    server.cuts = [PIECE, 0, PIECE + 5, 0, 0, PIECE]
    target = tmp_path / "results.json"
    assert client.download("1", target, digest=DIGEST) == len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert [asked for _, asked, _ in server.ranges][:3] == [
        None,
        f"bytes={PIECE}-",
        f"bytes={PIECE}-",
    ]
    assert {known for _, asked, known in server.ranges if asked} == {'"one"'}
    assert len(server.ranges) == 7


def test_a_file_that_has_changed_is_begun_anew(
    client: Client, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cuts = [PIECE]
    other = b"another file" * 1000

    def meanwhile(_seconds: float) -> None:
        server.content, server.etag = other, '"two"'

    monkeypatch.setattr(downloading.time, "sleep", meanwhile)
    target = tmp_path / "results.json"
    client.download("1", target, digest=hashlib.sha256(other).hexdigest())
    assert target.read_bytes() == other


def test_a_weak_etag_is_not_relied_on(client: Client, server: Server, tmp_path: Path) -> None:
    server.etag, server.cuts = 'W/"one"', [PIECE]
    client.download("1", tmp_path / "results.json", digest=DIGEST)
    assert [asked for _, asked, _ in server.ranges] == [None, None]


def test_a_download_that_nothing_comes_of_ends(
    client: Client, server: Server, tmp_path: Path
) -> None:
    server.cuts = [PIECE, *[0] * 10]
    with pytest.raises(Unavailable, match="broke off its answer"):
        client.download("1", tmp_path / "results.json")
    assert len(server.ranges) == 4
    assert not list(tmp_path.iterdir())


def test_a_download_that_never_began_is_not_waited_for(
    client: Client, server: Server, tmp_path: Path
) -> None:
    server.cuts = [0]
    with pytest.raises(Unavailable):
        client.download("1", tmp_path / "results.json")
    assert len(server.ranges) == 1


def test_what_is_not_the_file_of_the_job_is_refused(
    client: Client, server: Server, tmp_path: Path
) -> None:
    target = tmp_path / "results.json"
    target.write_text("older")
    with pytest.raises(MegaBatchError, match="SHA-256 is another"):
        client.download("1", target, digest="0" * 64)
    assert target.read_text() == "older" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (FileKind.RESULTS, "results"),
        (FileKind.FAILED_IMAGES, "failed-images"),
        (FileKind.IMAGE_LIST, "image-list"),
    ],
)
def test_each_file_has_its_path(
    client: Client, server: Server, tmp_path: Path, kind: FileKind, end: str
) -> None:
    client.download("a/b", tmp_path / "file", kind)
    assert server.ranges == [(f"/v1/jobs/a%2Fb/{end}", None, None)]
