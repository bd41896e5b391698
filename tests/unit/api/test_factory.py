import logging
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from api.factory import create_app
from api.resources import ProgressResource
from core.config import Settings
from core.errors import ConfigError, InvalidRequest
from core.jobs import JobRequest, Progress
from tests.fixtures.redis_server import free_port


@pytest.fixture
def spec(client: FlaskClient) -> dict[str, Any]:
    spec: dict[str, Any] = client.get("/openapi.json").get_json()
    return spec


def test_the_body_of_a_job_has_the_fields_of_a_request(spec: dict[str, Any]) -> None:
    body = spec["components"]["schemas"]["JobBody"]
    assert set(body["properties"]) == set(JobRequest.__struct_fields__)
    assert body["additionalProperties"] is False


def test_progress_is_told_whole() -> None:
    assert set(ProgressResource.model_fields) == set(Progress.__struct_fields__)


def test_an_app_connects_to_nothing_when_it_is_made(settings: Settings) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    app = create_app(msgspec.structs.replace(settings, redis_url=nowhere))
    assert app.test_client().get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"default_model": "none"},
        {"secret_keys": ()},
        {"secret_keys": ("short",)},
        {"storage_url": "nowhere://x"},
    ],
)
def test_a_wrong_setting_is_told_at_once(settings: Settings, change: dict[str, Any]) -> None:
    with pytest.raises((ConfigError, InvalidRequest)):
        create_app(msgspec.structs.replace(settings, **change))


def test_two_apps_do_not_share_anything(settings: Settings) -> None:
    first, second = create_app(settings), create_app(settings)
    assert first.test_client().get("/v1/models").status_code == 200
    assert second.test_client().get("/openapi.json").get_json()["paths"]
    assert logging.getLogger("api").handlers == []
