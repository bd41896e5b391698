"""What is said of the weights of a model."""

import shutil
from pathlib import Path

import pytest

from cli.doctor import case as cases
from cli.doctor import model
from cli.doctor.case import Case
from cli.extras import MODULES
from tests.unit.cli.doctor.conftest import by_what, changed, verdicts


@pytest.fixture
def own(case: Case, demo_model: Path, tmp_path: Path) -> Case:
    """A model folder with the demo model alone."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copyfile(demo_model, folder / demo_model.name)
    return changed(case, model_folder=folder)


def test_weights_as_they_were(own: Case) -> None:
    found = by_what(model.examine(own))
    assert verdicts(found) == {"libraries": "ok", "demo": "ok"}
    assert found["demo"].seen == f"{own.settings.model_folder}/demo.pb is as it was"


def test_one_byte_has_changed(own: Case) -> None:
    file = own.settings.model_folder / "demo.pb"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    found = by_what(model.examine(own))
    assert verdicts(found) == {"libraries": "ok", "demo": "fault"}
    assert "has changed" in found["demo"].seen and "models fetch demo" in found["demo"].todo


def test_weights_are_missing(own: Case) -> None:
    found = by_what(model.examine(changed(own, default_model="megadetector-v3")))
    assert verdicts(found) == {"libraries": "ok", "megadetector-v3": "fault"}
    assert "models fetch megadetector-v3" in found["megadetector-v3"].todo


def test_the_model_that_is_named_is_looked_at(own: Case) -> None:
    named = Case(settings=own.settings, model="megadetector-v2")
    assert verdicts(by_what(model.examine(named)))["megadetector-v2"] == "fault"


def test_a_checksum_is_not_written_down(own: Case) -> None:
    folder = own.settings.model_folder
    (folder / "megadetector_v3.pb").write_bytes(b"weights")
    found = by_what(model.examine(changed(own, default_model="megadetector-v3")))
    assert found["megadetector-v3"].verdict == "warning"
    assert "models verify megadetector-v3" in found["megadetector-v3"].todo
    assert {file.name for file in folder.iterdir()} == {"demo.pb", "megadetector_v3.pb"}


def test_weights_that_cannot_be_read(own: Case, tmp_path: Path) -> None:
    file = own.settings.model_folder / "demo.pb"
    file.unlink()
    file.mkdir()
    assert verdicts(by_what(model.examine(own)))["demo"] == "fault"


def test_a_model_that_there_is_not_is_a_matter_of_the_settings(own: Case) -> None:
    found = by_what(model.examine(changed(own, default_model="nowhere")))
    assert verdicts(found) == {"libraries": "ok"}


def test_a_library_is_missing(own: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES, "worker", ("json", "nowhere"))
    found = by_what(model.examine(own))
    assert verdicts(found) == {"libraries": "fault", "demo": "ok"}
    assert "there is no nowhere" in found["libraries"].seen


def test_a_host_that_does_not_detect(own: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "is_here", lambda module: module != "tensorflow")
    found = by_what(model.examine(changed(own, default_model="megadetector-v3")))
    assert verdicts(found) == {"weights": "ok"}
    assert found["weights"].seen == "not a detection host: skipped"
