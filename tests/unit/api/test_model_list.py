import pytest
from flask.testing import FlaskClient

from core.catalog import MODELS
from core.job_store import JobStore


def test_every_known_model_is_listed(client: FlaskClient, store: JobStore) -> None:
    store.heartbeat("demo", "one")
    store.heartbeat("demo", "two")
    models = {model["name"]: model for model in client.get("/v1/models").get_json()["data"]}
    assert set(models) == set(MODELS)
    assert [name for name, model in models.items() if model["default"]] == ["demo"]
    assert {name: model["workers"] for name, model in models.items() if model["workers"]} == {
        "demo": 2
    }


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_told_as_the_catalog_has_it(client: FlaskClient, name: str) -> None:
    model = next(one for one in client.get("/v1/models").get_json()["data"] if one["name"] == name)
    known = MODELS[name]
    assert model == {
        "name": name,
        "version": known.version,
        "detector": known.detector,
        "description": known.description,
        "categories": dict(known.categories),
        "detection_threshold": known.detection_threshold,
        "typical_threshold": known.typical_threshold,
        "conservative_threshold": known.conservative_threshold,
        "licence": known.licence,
        "default": name == "demo",
        "workers": 0,
    }
