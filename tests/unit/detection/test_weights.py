import hashlib
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.catalog import DEMO, Model, find_model
from core.errors import ModelUnavailable
from detection.weights import fetch_weights, verified_weights

V3 = find_model("megadetector-v3")
CONTENT = bytes(range(256)) * 9000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def put(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / V3.file
    path.write_bytes(content)
    return path


def test_missing_weights_say_how_to_fetch_them(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="megabatch models fetch megadetector-v3"):
        verified_weights(V3, tmp_path)


def test_the_checksum_is_written_down_at_first_use(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert verified_weights(V3, tmp_path) == path
    assert (tmp_path / f"{V3.file}.sha256").read_text() == f"{DIGEST}  {V3.file}\n"
    assert verified_weights(V3, tmp_path) == path
    assert sorted(one.name for one in tmp_path.iterdir()) == [V3.file, f"{V3.file}.sha256"]


def test_sha256sum_reads_what_was_written_down(tmp_path: Path) -> None:
    put(tmp_path)
    verified_weights(V3, tmp_path)
    command = ["sha256sum", "--check", f"{V3.file}.sha256"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0


def test_weights_that_changed_are_refused(tmp_path: Path) -> None:
    verified_weights(V3, put(tmp_path).parent)
    put(tmp_path, CONTENT[:-1] + b"x")
    with pytest.raises(ModelUnavailable, match="has changed"):
        verified_weights(V3, tmp_path)


def test_an_empty_note_counts_as_none(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / f"{V3.file}.sha256").touch()
    verified_weights(V3, tmp_path)
    assert DIGEST in (tmp_path / f"{V3.file}.sha256").read_text()


def test_a_demo_model_that_is_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / DEMO.file).write_bytes(b"something else")
    with pytest.raises(ModelUnavailable, match="has changed"):
        verified_weights(DEMO, tmp_path)


def test_weights_named_by_their_whole_path(tmp_path: Path) -> None:
    path = put(tmp_path)
    own = Model(name="own", version="1", detector="own", categories={"1": "animal"}, file=str(path))
    assert verified_weights(own, tmp_path / "elsewhere") == path


def test_a_folder_that_cannot_be_written_is_used_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path)
    # Nobody, not even root, can write a file where a folder stands.
    (tmp_path / f".{V3.file}.sha256.{os.getpid()}.part").mkdir()
    assert verified_weights(V3, tmp_path) == path
    assert "is not verified" in caplog.text


class Mirror:
    """A real https server with its own certificate. Paths: the file, and ways to fail."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        certificate, key = _certificate(folder)
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                mirror.answer(self)

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"https://localhost:{self._server.server_address[1]}"
        self.pool = urllib3.PoolManager(ca_certs=str(certificate))

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path
        if path == "/gone":
            request.send_error(404)
            return
        if path.startswith("/moved"):
            request.send_response(302)
            request.send_header("Location", "/file")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        request.wfile.write(CONTENT[:1000] if path == "/cut" else CONTENT)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.pool.clear()


def _certificate(folder: Path) -> tuple[Path, Path]:
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


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    started = Mirror(tmp_path_factory.mktemp("mirror"))
    yield started
    started.close()


def served(mirror: Mirror, *paths: str) -> Model:
    mirror.asked.clear()
    return msgspec.structs.replace(V3, mirrors=tuple(mirror.url + path for path in paths))


def fetched(mirror: Mirror, folder: Path, *paths: str) -> Path:
    return fetch_weights(served(mirror, *paths), folder, lambda done, total: None, pool=mirror.pool)


def test_the_file_is_fetched_and_its_checksum_written_down(mirror: Mirror, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    folder = tmp_path / "models"
    path = fetch_weights(
        served(mirror, "/file"),
        folder,
        lambda done, total: told.append((done, total)),
        pool=mirror.pool,
    )
    assert path.read_bytes() == CONTENT
    assert DIGEST in (folder / f"{V3.file}.sha256").read_text()
    assert len(told) > 1
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_mirrors_are_asked_in_order_until_one_gives_the_file(
    mirror: Mirror, tmp_path: Path
) -> None:
    assert fetched(mirror, tmp_path, "/gone", "/moved", "/never").read_bytes() == CONTENT
    assert mirror.asked == ["/gone", "/moved", "/file"]


def test_a_file_that_is_cut_off_is_not_kept(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"(?s)localhost: broke off.*by hand.*/cut$"):
        fetched(mirror, tmp_path, "/cut")
    assert list(tmp_path.iterdir()) == []


def test_what_each_mirror_answered_is_told(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="localhost: answered 404"):
        fetched(mirror, tmp_path, "/gone", "/gone")


def test_a_mirror_that_cannot_be_reached_takes_one_short_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    mirrors = (f"https://localhost:{port}/a", "https://name.invalid/b")
    model = msgspec.structs.replace(V3, mirrors=mirrors)
    once = urllib3.PoolManager(retries=False)
    with once, pytest.raises(ModelUnavailable) as raised:
        fetch_weights(model, tmp_path, lambda done, total: None, pool=once)
    assert raised.value.message.splitlines() == [
        "No mirror gave the weights of megadetector-v3:",
        "  localhost: cannot be reached",
        "  name.invalid: the name cannot be looked up; is this machine online?",
        f"Try again later, or fetch the file by hand and put it at {tmp_path / V3.file}, from",
        *(f"  {mirror}" for mirror in mirrors),
    ]


def test_weights_that_stand_are_verified_and_not_fetched(mirror: Mirror, tmp_path: Path) -> None:
    path = put(tmp_path)
    assert fetched(mirror, tmp_path, "/file") == path
    assert mirror.asked == []
    put(tmp_path, b"other")
    with pytest.raises(ModelUnavailable, match="has changed"):
        fetched(mirror, tmp_path, "/file")


def test_a_file_fetched_again_must_be_the_one_known(mirror: Mirror, tmp_path: Path) -> None:
    note = tmp_path / f"{V3.file}.sha256"
    note.write_text(f"{'0' * 64}  {V3.file}\n")
    with pytest.raises(ModelUnavailable, match="has changed"):
        fetched(mirror, tmp_path, "/file")


def test_plain_http_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    model = msgspec.structs.replace(V3, mirrors=(mirror.url.replace("https", "http") + "/file",))
    mirror.asked.clear()
    with pytest.raises(ModelUnavailable, match="not over https"):
        fetch_weights(model, tmp_path, lambda done, total: None, pool=mirror.pool)
    assert mirror.asked == []


def test_a_certificate_that_nobody_signed_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    once = urllib3.PoolManager(retries=False)
    with once, pytest.raises(ModelUnavailable, match=r"(?i)certificate"):
        fetch_weights(served(mirror, "/file"), tmp_path, lambda done, total: None, pool=once)


def test_a_model_without_mirrors_is_copied_by_hand(tmp_path: Path) -> None:
    model = msgspec.structs.replace(V3, mirrors=())
    with pytest.raises(ModelUnavailable, match="copy it to"):
        fetch_weights(model, tmp_path, lambda done, total: None)
