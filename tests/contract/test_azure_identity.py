"""Our storage in Azure without a key: opened by the identity that Azure gives a machine, or a pod.

A real Azurite looks at the tokens, which it does over https alone. Who hands tokens out there, is
played here.
"""

import base64
import datetime
import ipaddress
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.storage.blob import BlobServiceClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.config import Settings
from core.errors import ConfigError, JobFolderTrouble
from core.storage import open_storage
from tests.azurite_server import ACCOUNT, KEY, start

CONTAINER = Settings(storage_url="az://own")


def certify(folder: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    signed = builder.add_extension(here, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    paths = str(folder / "certificate.pem"), str(folder / "key.pem")
    Path(paths[0]).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    Path(paths[1]).write_bytes(private)
    return paths


class Issuer(ThreadingHTTPServer):
    """Hands out tokens that Azurite takes, and keeps what it was asked."""

    #: Of a token, seconds; negative for one that is over.
    lasts = 3600

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        super().__init__(("127.0.0.1", 0), _Answering)

    def token(self) -> str:
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/tenant/",
            **{"iat": now - 9, "nbf": now - 9, "exp": now + self.lasts},
        }
        return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}.x"


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class _Answering(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self._answer(self.rfile.read(length).decode())

    def _answer(self, asked: str) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append({"path": [path], **parse_qs(asked)})
        told = {"access_token": self.server.token(), "token_type": "Bearer"}
        lives = {"expires_in": 3600, "expires_on": str(int(time.time()) + 3600)}
        data = json.dumps(told | lives).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of an account with the container, and the certificate of its server."""
    certificate, key = certify(tmp_path_factory.mktemp("certificate"))
    azurite = start(None, "--oauth", "basic", "--cert", certificate, "--key", key)
    url = azurite.account_url.replace("http:", "https:")
    try:
        with BlobServiceClient(url, credential=KEY, connection_verify=certificate) as service:
            service.create_container("own")
        yield url, certificate
    finally:
        azurite.stop()


@pytest.fixture
def issuer(account: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """The environment names the account, and no key."""
    url, certificate = account
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", url)
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    with Issuer() as issuer:
        threading.Thread(target=issuer.serve_forever, daemon=True).start()
        yield issuer
        issuer.shutdown()


def check_storage(path: str) -> None:
    storage = open_storage(CONTAINER)
    assert storage.create(path, b"one") == b"one"
    assert storage.create(path, b"two") == b"one"
    assert path.rpartition("/")[2] in storage.names("jobs/")
    storage.delete(path)
    assert not storage.exists(path)


@pytest.mark.parametrize("client", ["", "of-our-own"])
def test_a_machine_opens_it_by_its_managed_identity(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    here = f"http://127.0.0.1:{issuer.server_port}/metadata/identity/oauth2/token"
    monkeypatch.setenv("AZURE_MSI_ENDPOINT", here)
    if client:
        monkeypatch.setenv("AZURE_CLIENT_ID", client)
    check_storage("jobs/machine")
    (asked,) = issuer.asked
    assert asked["resource"] == ["https://storage.azure.com"]
    assert asked.get("client_id", [""]) == [client]


def test_a_pod_opens_it_by_its_workload_identity(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("from the cluster")
    # What the webhook of Azure's Kubernetes puts into a pod.
    monkeypatch.setenv("AZURE_CLIENT_ID", "of-our-own")
    monkeypatch.setenv("AZURE_TENANT_ID", "tenant")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"http://127.0.0.1:{issuer.server_port}/")
    check_storage("jobs/pod")
    (asked,) = issuer.asked
    assert asked["path"] == ["/tenant/oauth2/v2.0/token"]
    assert asked["client_assertion"] == ["from the cluster"]
    assert asked["client_id"] == ["of-our-own"]


def test_a_token_that_is_not_taken_is_a_trouble(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_MSI_ENDPOINT", f"http://127.0.0.1:{issuer.server_port}/token")
    issuer.lasts = -1
    with pytest.raises(JobFolderTrouble) as caught:
        open_storage(CONTAINER, impatient=True).create("jobs/none", b"one")
    assert issuer.token().partition(".")[0] not in str(caught.value)


def test_a_key_that_was_not_filled_in_is_named(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "")
    with pytest.raises(ConfigError, match="AZURE_STORAGE_ACCOUNT_KEY is empty"):
        open_storage(CONTAINER)
