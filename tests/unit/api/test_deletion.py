"""Deleting jobs over HTTP, on a real Redis and a real folder."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.factory import create_app
from core.config import Settings
from core.deletion import delete_job
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import FinalRecord, utc_now
from core.key_ring import open_key_ring
from core.keys import Scope

Submit = Callable[..., str]
End = Callable[..., FinalRecord]


@pytest.fixture
def ended(submit: Submit, end: End) -> str:
    job_id = submit()
    end(job_id, b"{}")
    return job_id


def endpoints_of_a_job(app: Flask) -> list[tuple[str, str]]:
    """Method and path of everything that may be asked about one job."""
    return [
        (method, rule.rule.replace("<job_id>", "{job_id}"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/v1/jobs/<job_id>") and rule.arguments == {"job_id"}
        for method in rule.methods or ()
        if method != "OPTIONS"
    ]


def test_deleted_job_is_gone_everywhere(
    client: FlaskClient, app: Flask, ended: str, folder: JobFolder, store: JobStore, tmp_path: Path
) -> None:
    assert client.get(f"/v1/jobs/{ended}/results").status_code == 200
    assert client.delete(f"/v1/jobs/{ended}").status_code == 204
    assert client.get(f"/v1/jobs/{ended}").get_json()["code"] == "job_gone"
    assert client.get(f"/v1/jobs/{ended}/results").status_code == 410
    assert client.get("/v1/jobs").get_json()["data"] == []
    assert store.get(ended) is None
    assert not (tmp_path / f"storage/jobs/{ended}/job.json").exists()
    assert [sweep.job_id for sweep in folder.retention.sweeps()] == [ended]


def test_every_endpoint_of_a_deleted_job_says_that_it_is_gone(
    client: FlaskClient, app: Flask, ended: str, pictures: str
) -> None:
    bodies = {"container-url": {"container_url": pictures}, "priority": {"priority": 1}}
    client.delete(f"/v1/jobs/{ended}")
    asked = endpoints_of_a_job(app)
    assert len(asked) >= 7
    for method, path in asked:
        body = bodies.get(path.rpartition("/")[2], {}) if method in ("PUT", "POST") else None
        answer = client.open(path.format(job_id=ended), method=method, json=body)
        expected = 204 if (method, path) == ("DELETE", "/v1/jobs/{job_id}") else 410
        assert answer.status_code == expected, (method, path, answer.text)


def test_another_process_of_the_api_knows_it_at_once(
    client: FlaskClient, settings: Settings, ended: str
) -> None:
    other = create_app(settings).test_client()
    assert other.get(f"/v1/jobs/{ended}").status_code == 200  # and remembers what it read
    assert other.get(f"/v1/jobs/{ended}/results").status_code == 200
    client.delete(f"/v1/jobs/{ended}")
    assert other.get(f"/v1/jobs/{ended}").status_code == 410
    assert other.get(f"/v1/jobs/{ended}/results").status_code == 410
    assert other.delete(f"/v1/jobs/{ended}").status_code == 204


def test_deleting_again_changes_nothing(client: FlaskClient, ended: str, folder: JobFolder) -> None:
    client.delete(f"/v1/jobs/{ended}")
    before = folder.retention.tombstone(ended)
    assert client.delete(f"/v1/jobs/{ended}").status_code == 204
    assert before and folder.retention.tombstone(ended) == before


def test_live_job_is_not_deleted(
    client: FlaskClient, submit: Submit, store: JobStore, folder: JobFolder
) -> None:
    job_id = submit()
    answer = client.delete(f"/v1/jobs/{job_id}")
    assert answer.status_code == 409 and "Cancel it first" in answer.get_json()["detail"]
    assert answer.get_json()["code"] == "job_not_ended"
    store.planned(job_id, 0, 1)
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 409
    assert client.get(f"/v1/jobs/{job_id}").status_code == 200
    assert list(folder.retention.sweeps()) == []


def test_parent_with_a_live_child_is_not_deleted(
    client: FlaskClient, ended: str, submit: Submit, end: End, folder: JobFolder
) -> None:
    child = submit()
    folder.add_child(ended, child)
    folder.add_child(ended, "0" * 32)  # never accepted
    answer = client.delete(f"/v1/jobs/{ended}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "retry_still_runs")
    assert f"The job {child} tries" in answer.get_json()["detail"]
    assert client.get(f"/v1/jobs/{ended}").status_code == 200
    end(child, b"{}")
    assert client.delete(f"/v1/jobs/{ended}").status_code == 204


def test_job_of_which_only_the_storage_knows_is_deleted(
    client: FlaskClient, ended: str, store: JobStore
) -> None:
    store._redis.flushall()
    assert client.delete(f"/v1/jobs/{ended}").status_code == 204
    assert client.get(f"/v1/jobs/{ended}").status_code == 410


def test_deletion_that_broke_off_is_taken_up_by_the_next_call(
    client: FlaskClient, ended: str, folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("api.deletion._SECONDS", 0.0)
        assert client.delete(f"/v1/jobs/{ended}").status_code == 503
    assert client.delete(f"/v1/jobs/{ended}").status_code == 204
    assert folder.retention.is_gone(ended)


def test_unknown_job(client: FlaskClient) -> None:
    for job_id in ("0" * 32, "nothing", "..", "A" * 32):
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 404


def test_other_callers_do_not_learn_of_it(
    settings: Settings, app: Flask, client: FlaskClient, submit: Submit, end: End, folder: JobFolder
) -> None:
    ring = open_key_ring(settings)
    scopes = (Scope.READ, Scope.SUBMIT)
    keys = {name: ring.create(name, scopes) for name in ("north", "south")}
    keys["admin"] = ring.create("office", (Scope.ADMIN,))
    asks = {
        name: create_app(settings).test_client() for name in keys
    }  # of their own, for an app remembers that there were no keys
    headers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
    pictures = str(settings.allowed_roots[0] / "pictures")
    answer = asks["north"].post(
        "/v1/jobs", json={"container_url": pictures}, headers=headers["north"]
    )
    job_id = answer.get_json()["id"]
    end(job_id, b"{}")
    path = f"/v1/jobs/{job_id}"
    assert asks["south"].delete(path, headers=headers["south"]).status_code == 404
    assert asks["north"].get(path, headers=headers["north"]).status_code == 200
    assert asks["north"].delete(path, headers=headers["north"]).status_code == 204
    asks |= {name: create_app(settings).test_client() for name in keys}  # that remember nothing
    for name, status in (("north", 410), ("south", 404), ("admin", 410)):
        assert asks[name].get(path, headers=headers[name]).status_code == status
    assert asks["south"].delete(path, headers=headers["south"]).status_code == 404


def test_time_of_a_job_is_over_for_the_api_too(
    client: FlaskClient, ended: str, folder: JobFolder, store: JobStore
) -> None:
    assert client.get(f"/v1/jobs/{ended}").status_code == 200
    job, final = folder.read_shown(ended), folder.read_final(ended)
    delete_job(folder, store, job, final, utc_now() + timedelta(days=200))
    assert client.get(f"/v1/jobs/{ended}").status_code == 410


RECORDS = ("job.json", "final.json")


@pytest.fixture
def damage(tmp_path: Path) -> Callable[[str, str], None]:
    """What a disk may make of a record of a job."""

    def empty(job_id: str, record: str) -> None:
        (tmp_path / f"storage/jobs/{job_id}/{record}").write_bytes(b"")

    return empty


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("record", RECORDS)
def test_job_with_a_damaged_record_says_so_and_is_deleted(
    client: FlaskClient,
    ended: str,
    damage: Callable[[str, str], None],
    store: JobStore,
    folder: JobFolder,
    record: str,
    lost: bool,
) -> None:
    damage(ended, record)
    if lost:
        store._redis.flushall()
    for path in ("", "/results"):
        answer = client.get(f"/v1/jobs/{ended}{path}")
        assert (answer.status_code, answer.get_json()["code"]) == (409, "job_damaged")
        assert "delete it and submit it again" in answer.get_json()["detail"]
    assert client.delete(f"/v1/jobs/{ended}").status_code == 204
    assert client.get(f"/v1/jobs/{ended}").status_code == 410
    assert client.get("/v1/jobs").get_json()["data"] == []
    assert [sweep.job_id for sweep in folder.retention.sweeps()] == [ended]


def test_damaged_job_that_has_not_ended_is_not_deleted(
    client: FlaskClient, submit: Submit, damage: Callable[[str, str], None], folder: JobFolder
) -> None:
    job_id = submit()
    damage(job_id, "job.json")
    answer = client.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "job_damaged")
    assert list(folder.retention.sweeps()) == []


def test_job_without_any_record_is_not_deleted(
    client: FlaskClient, ended: str, damage: Callable[[str, str], None], folder: JobFolder
) -> None:
    for record in RECORDS:
        damage(ended, record)
    answer = client.delete(f"/v1/jobs/{ended}")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "job_damaged")
    assert list(folder.retention.sweeps()) == []


def test_nobody_else_learns_of_a_damaged_job(
    settings: Settings, app: Flask, ended: str, damage: Callable[[str, str], None]
) -> None:
    key = open_key_ring(settings).create("south", (Scope.READ, Scope.SUBMIT))
    damage(ended, "job.json")
    south = create_app(settings).test_client()
    headers = {"Authorization": f"Bearer {key}"}
    for method in ("GET", "DELETE"):
        answer = south.open(f"/v1/jobs/{ended}", method=method, headers=headers)
        assert answer.status_code == 404
