"""The API over a real Redis and a real folder, called without a network."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import flask_openapi3.openapi
import flask_openapi3.utils
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.factory import create_app
from core.config import Settings
from core.job_folder import JobFolder, open_job_folder
from core.job_store import JobStore
from core.jobs import FileKind, FinalRecord, JobStatus, Progress, StoredFile, utc_now
from core.queue import open_job_store


@pytest.fixture(scope="session", autouse=True)
def schemas_known() -> Iterator[None]:
    """Apps of one session share the schemas of their models: most of the time that an app takes."""
    made = cache(flask_openapi3.utils.get_model_schema)

    def shared(*model: Any, **mode: Any) -> dict[str, Any]:
        return deepcopy(made(*model, **mode))

    with pytest.MonkeyPatch.context() as patch:
        for module in (flask_openapi3.utils, flask_openapi3.openapi):
            patch.setattr(module, "get_model_schema", shared)
        yield


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def store(settings: Settings) -> JobStore:
    return open_job_store(settings, socket_timeout=5)


@pytest.fixture
def folder(settings: Settings) -> JobFolder:
    return open_job_folder(settings)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def pictures(tmp_path: Path, settings: Settings) -> str:
    """A local container that may be read."""
    container = tmp_path / "pictures"
    (container / "a.jpg").write_bytes(b"only its name is looked at here")
    return str(container)


@pytest.fixture
def submit(client: FlaskClient, pictures: str) -> Callable[..., str]:
    """Submits a job with these fields on top; its id."""

    def submit(**fields: Any) -> str:
        answer = client.post("/v1/jobs", json={"container_url": pictures, **fields})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.get_json()["id"]
        return job_id

    return submit


@pytest.fixture
def end(store: JobStore, folder: JobFolder) -> Callable[..., FinalRecord]:
    """Ends a job as the aggregator does; `results` are the bytes of its results file."""

    def end(
        job_id: str, results: bytes | None, status: JobStatus = JobStatus.COMPLETED
    ) -> FinalRecord:
        if status == "failed":
            plan = store.claim(job_id, "plan", "test")
            assert plan and store.abort(plan, "for the test")
        else:
            store.cancel(job_id)
        final = final_record(folder, job_id, results, status)
        folder.write_final(final)
        assert store.finish(final)
        return final

    return end


def final_record(
    folder: JobFolder, job_id: str, results: bytes | None, status: JobStatus
) -> FinalRecord:
    """The final record of an accepted job, with its files written."""
    job = folder.read_job(job_id)
    files = {} if results is None else stored_files(folder, job_id, results)
    path = files[FileKind.RESULTS].path if files else None
    return FinalRecord(
        id=job_id,
        status=status,
        model=job.request.model,
        name=job.request.name,
        created_at=job.created_at,
        started_at=None,
        finished_at=utc_now(),
        progress=Progress(listing_over=True, images=3, images_done=3, shards=1, shards_done=1),
        reason="no_images: nothing there" if results is None else None,
        results=path,
        results_bytes=len(results or b""),
        results_digest=hashlib.sha256(results or b"").hexdigest(),
        files=files,
    )


#: The lists beside every results file.
FAILED_IMAGES, IMAGE_LIST = b'["a.jpg"]\n', b'["a.jpg",\n"b.jpg"]\n'


def stored_files(folder: JobFolder, job_id: str, results: bytes) -> dict[FileKind, StoredFile]:
    contents = {
        FileKind.RESULTS: ("", results),
        FileKind.FAILED_IMAGES: ("failed_images", FAILED_IMAGES),
        FileKind.IMAGE_LIST: ("image_list", IMAGE_LIST),
    }
    files = {}
    for kind, (part, content) in contents.items():
        path = folder.results_path(job_id, "token", part)
        with folder.results_writer(path) as writer:
            writer.write(content)
        files[kind] = StoredFile(path, len(content), hashlib.sha256(content).hexdigest())
    return files
