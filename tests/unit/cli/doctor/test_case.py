"""Whose settings are examined: the environment's, or those of a `megabatch serve`."""

import json
from pathlib import Path

import click
import pytest

from cli.data_folder import DataFolder
from cli.doctor.case import case_of
from cli.system import SystemOptions, running_system
from core.sealing import new_secret_key
from tests.fixtures.redis_server import free_port
from tests.unit.cli.stand_in import write_stand_ins


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def options(tmp_path: Path) -> SystemOptions:
    return SystemOptions(
        models=("demo",),
        model_folder=tmp_path / "models",
        data_folder=tmp_path / "data",
        port=0,
        allowed_roots=(tmp_path,),
        code_folder=write_stand_ins(tmp_path / "code"),
    )


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_the_environment_is_read_as_the_api_reads_it(tmp_path: Path) -> None:
    DataFolder(tmp_path / "megabatch-data")
    given = {"MEGABATCH_STORAGE_URL": "az://own", "REDIS_URL": "redis://there:1/0"}
    case = case_of(None, "demo", given)
    assert (case.settings.storage_url, case.settings.redis_url) == ("az://own", "redis://there:1/0")
    assert (case.served, case.no_redis, case.faults, case.model) == (None, "", (), "demo")


def test_models_are_looked_for_where_workers_do(tmp_path: Path) -> None:
    (tmp_path / ".cache/models").mkdir(parents=True)
    assert case_of(None, "", {}).settings.model_folder == tmp_path / ".cache/models"
    named = {"MEGABATCH_MODEL_FOLDER": str(tmp_path / "named")}
    assert case_of(None, "", named).settings.model_folder == tmp_path / "named"


def test_a_service_that_serve_runs(options: SystemOptions) -> None:
    with running_system(options, {"PATH": "/usr/bin:/bin"}, print) as system:
        system.wait_ready()
        case = case_of(options.data_folder, "", {})
        assert case.no_redis == "" and case.settings.redis_url == system._redis_url
        settings = case.settings
        assert settings.storage_url == system.folder.storage.as_uri()
        assert settings.secret_keys == (system.folder.secret_key(),)
        assert settings.allowed_roots == options.allowed_roots
        assert settings.model_folder == options.model_folder
        assert (settings.default_model, case.faults) == ("demo", ())
    stopped = case_of(options.data_folder, "", {})
    assert "does not run" in stopped.no_redis
    assert stopped.settings.allowed_roots == options.allowed_roots


def test_a_password_of_redis_is_not_kept(options: SystemOptions, redis_url: str) -> None:
    url = redis_url.replace("//", "//default:canary@")
    folder = DataFolder(options.data_folder)
    with running_system(options, {"PATH": "/usr/bin:/bin", "REDIS_URL": redis_url}, print):
        pass
    assert "REDIS_URL" not in json.loads((folder.path / "settings.json").read_text())
    assert "set REDIS_URL here" in case_of(folder.path, "", {}).no_redis
    case = case_of(folder.path, "", {"REDIS_URL": url})
    assert (case.no_redis, case.settings.redis_url) == ("", url)


def test_the_redis_of_another_is_not_taken_for_its_own(tmp_path: Path, redis_url: str) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.keep_settings({"REDIS_URL": redis_url})
    assert "does not run" in case_of(folder.path, "", {}).no_redis


def test_the_data_folder_here_is_taken_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "megabatch-data").mkdir()
    case = case_of(None, "", {})
    assert case.served and case.served.path == tmp_path / "megabatch-data"
    assert case.no_redis and case.settings.secret_keys == ()
    assert contents(tmp_path) == {"megabatch-data": None}


def test_what_was_kept_and_cannot_be_used(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    key = folder.secret_key()
    (folder.path / "settings.json").write_text("{")
    case = case_of(folder.path, "", {})
    [damaged] = case.faults
    assert "settings.json is damaged" in damaged.message and case.settings.secret_keys == (key,)
    (folder.path / "secret-key").chmod(0o644)
    folder.keep_settings({"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    case = case_of(folder.path, "", {})
    [open_to_all] = case.faults
    assert "chmod 600" in open_to_all.message and case.settings.secret_keys == ()


def test_a_secret_key_of_the_environment_comes_first(tmp_path: Path) -> None:
    folder, key = DataFolder(tmp_path / "data"), new_secret_key()
    folder.secret_key()
    assert case_of(folder.path, "", {"MEGABATCH_SECRET_KEYS": key}).settings.secret_keys == (key,)


def test_two_services_cannot_be_meant(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="leave --data away"):
        case_of(tmp_path, "", {"MEGABATCH_STORAGE_URL": "az://own"})


def test_a_data_folder_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="There is no data folder"):
        case_of(tmp_path / "gone", "", {})
    assert contents(tmp_path) == {}
