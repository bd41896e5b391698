"""A real Azurite, Microsoft's emulator of Azure storage, for tests: started, filled, stopped."""

import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import urllib3
from azure.storage.blob import (
    AccountSasPermissions,
    BlobServiceClient,
    ContainerSasPermissions,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

VERSION = "3.37.0"
FOLDER = Path(__file__).parents[1] / ".cache" / "azurite"
_MAIN = "node_modules/azurite/dist/src/blob/main.js"
_WITHOUT_SWEEP = Path(__file__).with_name("azurite_without_sweep.cjs")
_START_SECONDS = 60
_CREATED = 201
_HOUR = timedelta(hours=1)

ACCOUNT = "devstoreaccount1"
#: The one key of every Azurite, published with it: no secret.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def install() -> Path:
    """The script that starts Azurite, put into `.cache/azurite` by npm where it is not there."""
    script = FOLDER / _MAIN
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("The tests need Node with npm, which is not installed here.")
        command = [npm, "install", "--ignore-scripts", "--prefix", str(FOLDER)]
        subprocess.run([*command, f"azurite@{VERSION}"], check=True, timeout=300)
    return script


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass(frozen=True)
class Azurite:
    """A running Azurite with one account."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def account_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def variables(self) -> dict[str, str]:
        """What processes are told whose own storage is in it."""
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            "AZURE_STORAGE_ENDPOINT": self.account_url,
        }

    def service(self) -> BlobServiceClient:
        return BlobServiceClient(self.account_url, credential=KEY)

    def create_container(self, name: str, blobs: Mapping[str, bytes] | None = None) -> None:
        """Make a container, with these blobs."""
        with self.service() as service:
            service.create_container(name)
        self.upload(name, blobs or {})

    def upload(self, container: str, blobs: Mapping[str, bytes]) -> None:
        """Put blobs under exactly these names, with plain PUTs: Azure's library rewrites some."""
        sas = self.container_url(container, "cw").partition("?")[2]
        headers = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02"}
        with urllib3.HTTPConnectionPool("127.0.0.1", self.port) as pool:
            for name, data in blobs.items():
                target = f"/{ACCOUNT}/{container}/{quote(name)}?{sas}"
                answer = pool.urlopen("PUT", target, body=data, headers=headers)
                if answer.status != _CREATED:
                    raise RuntimeError(f"Azurite refused the blob {name!r}: {answer.status}")

    def container_url(
        self, container: str, permissions: str = "rl", *, expires_in: timedelta = _HOUR
    ) -> str:
        """The SAS URL of a container; expired where `expires_in` is negative."""
        now = datetime.now(UTC)
        sas = generate_container_sas(
            ACCOUNT,
            container,
            KEY,
            permission=ContainerSasPermissions.from_string(permissions),
            start=now - timedelta(days=1),
            expiry=now + expires_in,
        )
        return f"{self.account_url}/{container}?{sas}"

    def account_sas_url(self, container: str, *, resource_types: str = "co") -> str:
        """The container's URL with an account SAS that reads and lists."""
        sas = generate_account_sas(
            ACCOUNT,
            KEY,
            resource_types=ResourceTypes(
                container="c" in resource_types, object="o" in resource_types
            ),
            permission=AccountSasPermissions(read=True, list=True),
            expiry=datetime.now(UTC) + _HOUR,
        )
        return f"{self.account_url}/{container}?{sas}"

    def blob_url(self, container: str, blob: str) -> str:
        """The SAS URL of one blob."""
        sas = generate_blob_sas(
            ACCOUNT,
            container,
            blob,
            account_key=KEY,
            permission="r",
            expiry=datetime.now(UTC) + _HOUR,
        )
        return f"{self.account_url}/{container}/{quote(blob)}?{sas}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def start(port: int | None = None, *more: str) -> Azurite:
    """Start Azurite on this port, or on a free one, in memory, and wait until it answers.

    `more`: options of its own.
    """
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("The tests need Node, which is not installed here.")
    port = port or _free_port()
    # Without --disableTelemetry it reports to its makers.
    options = ["--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence", "--silent"]
    address = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    command = [node, "--require", str(_WITHOUT_SWEEP), str(install())]
    process = subprocess.Popen([*command, *options, *address, *more], stdout=subprocess.DEVNULL)
    azurite = Azurite(process, port)
    try:
        _wait_until_open(azurite)
    except BaseException:
        azurite.stop()
        raise
    return azurite


def _wait_until_open(azurite: Azurite) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and azurite.process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", azurite.port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Azurite did not start on port {azurite.port}.")
