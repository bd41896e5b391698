"""`megabatch mend` on real storages, beside a real Redis."""

from pathlib import Path

import pytest
import redis

from cli import exit_codes
from cli.data_folder import DataFolder
from cli.main import run
from core.config import Settings
from core.job_folder import open_job_folder
from tests.factories import accepted_job
from tests.fixtures.redis_server import free_port

Capture = pytest.CaptureFixture[str]
J = "a" * 32


@pytest.fixture(autouse=True)
def surroundings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that lacks the live name of its job, and an empty Redis."""
    monkeypatch.chdir(tmp_path)
    accept(settings)
    monkeypatch.setenv("MEGABATCH_STORAGE_URL", settings.storage_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)


def accept(settings: Settings) -> None:
    folder = open_job_folder(settings)
    folder.accept(accepted_job(J, container_url="/pictures"))
    folder.retire(J)


def test_it_tells_which_jobs_go_on(settings: Settings, capsys: Capture) -> None:
    assert run(["mend"]) == exit_codes.DONE
    assert f"{J} goes on" in capsys.readouterr().err
    assert open_job_folder(settings).live_ids() == [J]


def test_a_service_that_ran_is_not_mended(settings: Settings, capsys: Capture) -> None:
    with redis.Redis.from_url(settings.redis_url) as client:
        client.set("megabatch:x", 1)
    assert run(["mend"]) == exit_codes.USAGE
    assert "FLUSHALL" in capsys.readouterr().err
    assert open_job_folder(settings).live_ids() == []


def test_redis_must_run(
    settings: Settings, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:canary@127.0.0.1:{free_port()}/0")
    assert run(["mend"]) == exit_codes.UNREACHABLE
    told = capsys.readouterr().err
    assert "Redis does not answer" in told and "canary" not in told


def test_what_cannot_be_read_is_a_failure(settings: Settings, capsys: Capture) -> None:
    open_job_folder(settings)._storage.create(f"jobs/{J}/final.json", b"damaged")
    assert run(["mend"]) == exit_codes.FAILED
    assert f"{J} is damaged" in capsys.readouterr().err


def test_the_data_folder_of_serve(
    settings: Settings, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEGABATCH_STORAGE_URL")
    assert run(["mend", "--data", "nowhere"]) == exit_codes.USAGE
    folder = DataFolder(tmp_path / "data")
    own = Settings(storage_url=folder.storage.as_uri(), secret_keys=settings.secret_keys)
    accept(own)
    (folder.redis / "dump").touch()
    assert run(["mend", "--data", "data"]) == exit_codes.USAGE
    assert str(folder.redis) in capsys.readouterr().err
    (folder.redis / "dump").unlink()
    with folder.locked():
        assert run(["mend", "--data", "data"]) != exit_codes.DONE
    assert open_job_folder(own).live_ids() == []
    assert run(["mend", "--data", "data"]) == exit_codes.DONE
    assert open_job_folder(own).live_ids() == [J]
