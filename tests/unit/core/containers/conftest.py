import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.config import Settings
from core.containers.guard import Guard
from core.containers.patience import Patience
from core.sealing import Sealer, new_secret_key

#: The name in the test's certificate.
TLS_HOST = "acct.blob.core.windows.net"


@pytest.fixture
def here() -> Settings:
    """Settings of a service that may read from this machine."""
    return Settings(allowed_private_ranges=(ipaddress.ip_network("127.0.0.0/8"),))


@pytest.fixture
def guard(here: Settings) -> Guard:
    """A guard that lets this machine be read, and finds every name here."""
    return Guard(here, lambda host, port: ["127.0.0.1"])


@pytest.fixture
def hasty() -> Patience:
    """As many tries as ever, with next to no wait between them."""
    return Patience(
        tries=4, first_wait=0.001, longest_wait=0.01, connect_seconds=2.0, read_seconds=1.0
    )


@pytest.fixture
def sealer() -> Sealer:
    return Sealer([new_secret_key()])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for TLS_HOST, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, TLS_HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(TLS_HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
