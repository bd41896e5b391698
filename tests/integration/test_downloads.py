"""Downloads over real sockets: broken ones that go on, and links to a storage in the cloud."""

import hashlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec
import pytest
import urllib3

from cli.client import Client
from core.config import Settings
from core.job_folder import JobFolder, open_job_folder
from core.jobs import FileKind, StoredFile
from tests.azurite_server import ACCOUNT, KEY, Azurite
from tests.factories import accepted_job, final_record
from tests.fixtures.system import System

pytestmark = pytest.mark.integration

JOB = "0123456789abcdef0123456789abcdef"
CONTENT = b"".join(b'{"file":"%07d.jpg","detections":[]},\n' % n for n in range(200_000))
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def completed_job(folder: JobFolder) -> str:
    """A job that has ended, with a long results file; the path of that."""
    folder.accept(accepted_job(JOB, name="north"))
    path = folder.results_path(JOB, "token")
    with folder.results_writer(path, "megabatch_north.json") as writer:
        writer.write(CONTENT)
    file = StoredFile(path, len(CONTENT), DIGEST)
    folder.write_final(final_record(JOB, results=path, files={FileKind.RESULTS: file}))
    return path


class BreakingProxy:
    """Passes connections on to a port; of each it breaks off the answer after so many bytes."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._target = ("127.0.0.1", port)
        self._cuts = cuts
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with closing(client), socket.create_connection(self._target) as server:
                server.sendall(client.recv(1 << 16))
                self._answer(client, server, self._cuts.pop(0) if self._cuts else 1 << 40)

    def _answer(self, client: socket.socket, server: socket.socket, cut: int) -> None:
        while cut > 0 and (data := server.recv(min(cut, 1 << 16))):
            client.sendall(data)
            cut -= len(data)


@pytest.fixture
def api(system: System, settings: Settings) -> System:
    completed_job(open_job_folder(settings))
    system.start_api()
    return system


def link(api: System, *gives: str) -> dict[str, Any]:
    made: dict[str, Any] = api.call("POST", f"/v1/jobs/{JOB}/links", {"gives": list(gives)})
    return made


def curl(*words: str) -> int:
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", *words]
    return subprocess.run(command, check=False, timeout=60).returncode


def test_curl_goes_on_with_a_broken_download(api: System, tmp_path: Path) -> None:
    url = link(api, "results")["urls"]["results"]
    for name, path in {"link": urlsplit(url).path, "key": f"/v1/jobs/{JOB}/results"}.items():
        target = tmp_path / name
        with closing(BreakingProxy(api.port, [3_000_000])) as proxy:
            whole = f"http://127.0.0.1:{proxy.port}{path}"
            assert curl("-o", str(target), whole) != 0
        assert 2_000_000 < target.stat().st_size < 3_000_000
        # With an answer that holds more or less than the rest, curl would refuse to go on.
        assert curl("-C", "-", "-o", str(target), f"{api.url}{path}") == 0
        assert target.read_bytes() == CONTENT


def test_the_command_goes_on_within_one_call(api: System, tmp_path: Path) -> None:
    target = tmp_path / "results.json"
    with closing(BreakingProxy(api.port, [3_000_000, 2_000_000, 0])) as proxy:
        client = Client(f"http://127.0.0.1:{proxy.port}")
        with closing(client):
            assert client.download(JOB, target, digest=DIGEST) == len(CONTENT)
    assert target.read_bytes() == CONTENT


@pytest.fixture
def cloud(
    settings: Settings, azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[System]:
    """An API that keeps its jobs in Azurite, and sends whoever follows a link there."""
    jobs = f"jobs-{uuid4().hex[:8]}"
    azurite.create_container(jobs)
    settings = msgspec.structs.replace(settings, storage_url=f"az://{jobs}")
    logs = tmp_path / "logs"
    logs.mkdir()
    system = System(settings, logs)
    account = {
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURE_STORAGE_ENDPOINT": azurite.account_url,
    }
    for name, value in account.items():
        monkeypatch.setenv(name, value)
    system.environment |= {**account, "MEGABATCH_LINK_REDIRECTS": "yes"}
    system.start_api()
    yield system
    system.stop()


def test_a_followed_link_leads_to_the_storage_for_some_minutes(cloud: System) -> None:
    path = completed_job(open_job_folder(cloud.settings))
    made = link(cloud, "results", "page")
    url = made["urls"]["results"]
    with urllib3.PoolManager() as http:
        answer = http.request("GET", url, redirect=False)
        assert (answer.status, answer.data) == (302, b"")
        signed = answer.headers["Location"]
        ends = datetime.fromisoformat(parse_qs(urlsplit(signed).query)["se"][0])
        assert timedelta(minutes=8) < ends - datetime.now(UTC) <= timedelta(minutes=10)

        followed = http.request("GET", url, headers={"Range": "bytes=5-"})
        assert (followed.status, followed.data) == (206, CONTENT[5:])
        named = 'attachment; filename="megabatch_north.json"'
        assert followed.headers["Content-Disposition"] == named
        assert followed.headers["Content-Type"] == "application/json"

        # It reads this one file, and nothing else.
        put = {"x-ms-blob-type": "BlockBlob", "x-ms-version": "2021-12-02"}
        assert http.request("PUT", signed, body=b"x", headers=put).status == 403
        assert http.request("DELETE", signed).status == 403
        assert http.request("GET", signed.replace(path, f"jobs/{JOB}/final.json")).status == 403

        head = http.request("HEAD", url, redirect=False)
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(CONTENT)))
        with_key = http.request("GET", f"{cloud.url}/v1/jobs/{JOB}/results", redirect=False)
        assert with_key.data == CONTENT

        cloud.call("DELETE", f"/v1/jobs/{JOB}/links/{made['id']}")
        assert http.request("GET", url, redirect=False).status == 404
    signature = parse_qs(urlsplit(signed).query)["sig"][0]
    token = urlsplit(url).path.split("/")[2]
    assert signature not in cloud.logs() and token not in cloud.logs()
    assert "/links/<hidden>/results.json" in cloud.logs()
