"""What happens to jobs when a part of the service goes away at a bad moment."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient

from api.factory import create_app
from api.job_service import JobService
from core.config import Settings
from core.errors import JobConflict, JobFolderTrouble
from core.job_folder import JobFolder, open_job_folder
from core.job_store import JobStore, Tally
from core.jobs import LOCAL_CALLER, AcceptedJob
from core.keys import Caller, Scope
from core.queue import open_job_store
from core.sealing import Sealer
from core.storage import Storage
from tests.factories import job_request
from tests.fixtures.redis_server import RedisServer

LOCAL = Caller(LOCAL_CALLER, frozenset({Scope.ADMIN}))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that this test may kill."""
    folder = tmp_path / "own-redis"
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    yield server
    server.kill()


class FolderThat(JobFolder):
    """A real job folder that does something right after a job was accepted."""

    def __init__(self, folder: JobFolder, afterwards: Callable[[], None]) -> None:
        super().__init__(folder._storage, folder._sealer)
        self._afterwards = afterwards

    def accept(self, job: AcceptedJob) -> AcceptedJob:
        standing = super().accept(job)
        self._afterwards()
        return standing


def test_a_job_is_accepted_though_redis_dies_right_after(
    settings: Settings, own_redis: RedisServer, pictures: str
) -> None:
    settings = msgspec.structs.replace(settings, redis_url=own_redis.url)
    folder = open_job_folder(settings)
    store = open_job_store(settings, socket_timeout=2)
    service = JobService(settings, store, FolderThat(folder, own_redis.kill))
    view = service.submit(job_request(container_url=pictures, name="x"), LOCAL)
    assert (view.job.status, view.job.name) == ("queued", "x")
    assert folder.live_ids() == [view.job.id]
    assert folder.read_job(view.job.id).request.container_url == pictures


@pytest.mark.parametrize("how", ["dead", "silent"])
def test_without_redis_nothing_is_accepted(
    settings: Settings, pictures: str, silent_port: int, how: str, own_redis: RedisServer
) -> None:
    port = silent_port if how == "silent" else own_redis.port
    own_redis.kill()
    settings = msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{port}/0")
    client = create_app(settings).test_client()
    answer = client.post("/v1/jobs", json={"container_url": pictures})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.get_json(force=True)["code"] == "unavailable"
    assert open_job_folder(settings).live_ids() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/jobs"),
        ("GET", "/v1/models"),
        ("GET", "/v1/jobs/{id}"),
        ("POST", "/v1/jobs/{id}/cancel"),
        ("GET", "/v1/jobs/{id}/results"),
    ],
)
def test_without_redis_the_answer_is_to_try_again(
    settings: Settings,
    submit: Callable[..., str],
    own_redis: RedisServer,
    method: str,
    path: str,
) -> None:
    job_id = submit()
    settings = msgspec.structs.replace(settings, redis_url=own_redis.url)
    client = create_app(settings).test_client()
    own_redis.kill()
    answer = client.open(path.format(id=job_id), method=method)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_results_need_no_redis(
    settings: Settings,
    submit: Callable[..., str],
    end: Callable[..., object],
    own_redis: RedisServer,
) -> None:
    job_id = submit()
    end(job_id, b"{}")
    settings = msgspec.structs.replace(settings, redis_url=own_redis.url)
    client = create_app(settings).test_client()
    own_redis.kill()
    assert client.get(f"/v1/jobs/{job_id}/results").data == b"{}"


@pytest.fixture
def broken_storage(client: FlaskClient, tmp_path: Path) -> Path:
    """The service's storage, gone after the service was started."""
    storage = tmp_path / "storage"
    shutil.rmtree(storage)
    storage.write_text("a file where a folder should be")
    return storage


def test_without_storage_nothing_is_accepted(
    client: FlaskClient,
    store: JobStore,
    pictures: str,
    broken_storage: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = client.post("/v1/jobs", json={"container_url": pictures})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.get_json(force=True)["code"] == "job_storage_unavailable"
    assert str(broken_storage) not in answer.text
    assert str(broken_storage) in caplog.text
    assert store.list_jobs(1).jobs == []


def test_a_silent_storage_is_given_up_soon(
    settings: Settings, silent_port: int, pictures: str
) -> None:
    # As an emulator's address would be given to obstore: https is left out for the test's socket.
    from obstore.store import AzureStore

    silent = AzureStore(
        "container",
        endpoint=f"http://127.0.0.1:{silent_port}/account",
        account_name="account",
        account_key="a2V5",
        client_options={"timeout": "1s", "allow_http": True},
        retry_config={"max_retries": 0},
    )
    folder = JobFolder(Storage(silent), Sealer(settings.secret_keys))
    store = open_job_store(settings, socket_timeout=2)
    service = JobService(settings, store, folder)
    with pytest.raises(JobFolderTrouble):
        service.submit(job_request(container_url=pictures), LOCAL)
    assert store.list_jobs(10).jobs == []


def test_records_are_read_once(
    client: FlaskClient, submit: Callable[..., str], end: Callable[..., object], tmp_path: Path
) -> None:
    job_id = submit(images=[f"{n}.jpg" for n in range(100)])
    end(job_id, b"{}")
    first = client.get(f"/v1/jobs/{job_id}").get_json()
    shutil.rmtree(tmp_path / "storage" / "jobs")
    assert client.get(f"/v1/jobs/{job_id}").get_json() == first


def test_our_storage_is_asked_before_theirs(client: FlaskClient, broken_storage: Path) -> None:
    assert client.post("/v1/jobs", json={"container_url": "/etc"}).status_code == 503


def test_a_shown_job_does_not_carry_its_list(
    settings: Settings, submit: Callable[..., str]
) -> None:
    folder = open_job_folder(settings)
    service = JobService(settings, open_job_store(settings, socket_timeout=2), folder)
    shown = service.view(submit(images=["a.jpg", "b.jpg"]), LOCAL).shown
    assert (shown.images, shown.request.images) == (2, None)


def test_a_job_whose_files_are_gone_is_not_found(
    client: FlaskClient, submit: Callable[..., str], tmp_path: Path
) -> None:
    job_id = submit()
    shutil.rmtree(tmp_path / "storage" / "jobs")
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404


def test_cancelling_that_comes_too_late_leaves_no_wish_behind(
    settings: Settings, pictures: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, folder = open_job_store(settings, socket_timeout=5), open_job_folder(settings)
    service = JobService(settings, store, folder)
    job_id = service.submit(job_request(container_url=pictures), LOCAL).job.id
    store.planned(job_id, 0, 1)
    mark = JobFolder.mark_cancelled

    def slow_mark(folder: JobFolder, job_id: str) -> None:
        mark(folder, job_id)
        store.listed(job_id, shards=1, images=1, duplicates=0, skipped={})
        store.done(job_id, 0, Tally(1))

    monkeypatch.setattr(JobFolder, "mark_cancelled", slow_mark)
    with pytest.raises(JobConflict):
        service.cancel(job_id, LOCAL)
    assert not folder.is_cancelled(job_id)
