"""What is said of settings, and of what they name."""

from pathlib import Path

import pytest

from cli.data_folder import DataFolder
from cli.doctor import case as cases
from cli.doctor import settings
from cli.doctor.case import Case, case_of
from cli.doctor.finding import Finding, Verdict
from core.key_ring import open_key_ring
from core.keys import Scope
from core.sealing import new_secret_key
from tests.unit.cli.doctor.conftest import by_what, changed, verdicts

WELL = {
    "settings": "ok",
    "secret keys": "ok",
    "API keys": "warning",
    "allowed roots": "ok",
    "default model": "ok",
    "model folder": "ok",
}


@pytest.fixture
def well(case: Case, tmp_path: Path) -> Case:
    (tmp_path / "models").mkdir()
    return changed(case, model_folder=tmp_path / "models")


def look(case: Case) -> dict[str, Finding]:
    return by_what(settings.examine(case))


def test_settings_as_they_should_be(well: Case, tmp_path: Path) -> None:
    found = look(well)
    assert verdicts(found) == WELL
    assert found["allowed roots"].seen == f"{tmp_path} can be read"
    assert "keys create" in found["API keys"].todo
    open_key_ring(well.settings).create("north", (Scope.READ,))
    assert verdicts(look(well)) == {**WELL, "API keys": "ok"}


def test_nothing_is_made(well: Case) -> None:
    look(well)
    assert well.settings.storage_folder and not well.settings.storage_folder.exists()


def test_each_variable_that_cannot_be_read_is_told() -> None:
    given = {"MEGABATCH_RETENTION_DAYS": "long", "MEGABATCH_STALL_AFTER": "0", "REDIS_URL": "r"}
    found = list(settings.examine(case_of(None, "", given)))
    faults = [one.seen for one in found if one.what == "settings" and one.todo]
    assert [seen.split()[0] for seen in faults] == [
        "MEGABATCH_RETENTION_DAYS",
        "MEGABATCH_STALL_AFTER",
        "MEGABATCH_STORAGE_URL",
    ]
    assert case_of(None, "", given).settings.redis_url == "r"
    assert "API keys" not in {one.what for one in found}


@pytest.mark.parametrize(("keys", "word"), [((), "is not set"), (("canary",), "not a key")])
def test_secret_keys_that_seal_nothing(well: Case, keys: tuple[str, ...], word: str) -> None:
    found = look(changed(well, secret_keys=keys))
    assert verdicts(found) == {**WELL, "secret keys": "fault"}
    assert word in found["secret keys"].seen and "canary" not in repr(found)


def test_secret_keys_are_counted_and_not_shown(well: Case) -> None:
    keys = (new_secret_key(), new_secret_key())
    found = look(changed(well, secret_keys=keys))
    assert found["secret keys"].seen == "2: the first seals, all open"
    assert not any(key in repr(found) for key in keys)


def test_api_keys_of_a_storage_that_cannot_be_asked(well: Case, tmp_path: Path) -> None:
    (tmp_path / "storage").write_text("")
    found = look(well)
    assert verdicts(found) == WELL and "cannot be told" in found["API keys"].seen


def test_each_root_is_looked_at(well: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    roots = (tmp_path, tmp_path / "gone", tmp_path / "file")
    found = list(settings.examine(changed(well, allowed_roots=roots)))
    told = [one for one in found if one.what == "allowed roots"]
    assert [one.verdict for one in told] == ["ok", "fault", "fault"]
    assert told[1].seen == f"{tmp_path}/gone: No such file or directory"
    assert "MEGABATCH_ALLOWED_ROOTS" in told[2].todo
    none = look(changed(well, allowed_roots=()))
    assert verdicts(none) == WELL


def test_a_default_model_that_there_is_not(well: Case) -> None:
    found = look(changed(well, default_model="megadetector-v33"))
    assert verdicts(found) == {**WELL, "default model": "fault"}
    assert "did you mean 'megadetector-v3'" in found["default model"].seen


def test_models_that_are_not_there(well: Case, tmp_path: Path) -> None:
    gone = {"model_folder": tmp_path / "gone", "model_files": (tmp_path / "own.pb",)}
    found = look(changed(well, **gone))
    assert verdicts(found) == {**WELL, "model folder": "fault", "model files": "fault"}


def test_a_host_that_does_not_detect_needs_no_models(
    well: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "is_here", lambda module: module != "tensorflow")
    found = look(changed(well, model_folder=tmp_path / "gone"))
    assert {**verdicts(found), "model folder": "ok"} == WELL and "model folder" not in found


def test_a_service_of_this_machine_needs_no_keys(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    found = look(case_of(folder.path, "", {"MEGABATCH_MODEL_FOLDER": str(tmp_path)}))
    assert {one.verdict for one in found.values()} == {Verdict.OK}
    assert "`megabatch serve` makes one" in found["secret keys"].seen
    assert "this machine alone" in found["API keys"].seen
    assert str(folder.path) in found["settings"].seen
