import shutil
from pathlib import Path

import msgspec
from flask.testing import FlaskClient

from api.factory import create_app
from core.config import Settings
from tests.fixtures.redis_server import free_port


def without_redis(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")


def test_a_whole_service_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok", "checks": {"redis": "ok", "storage": "ok"}}


def test_without_redis_it_is_not_ready_but_alive(settings: Settings) -> None:
    client = create_app(without_redis(settings)).test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.get_json()["checks"] == {"redis": "unavailable", "storage": "ok"}
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_without_storage_it_is_not_ready(client: FlaskClient, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "storage")
    (tmp_path / "storage").write_text("a file where a folder should be")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"redis": "ok", "storage": "job_storage_unavailable"}
