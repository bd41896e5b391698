from pathlib import Path

import pytest

from cli.main import run
from cli.models import weights_of
from core.catalog import DEMO, MODELS, find_model
from core.errors import ModelUnavailable


def test_list_tells_which_models_are_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / find_model("megadetector-v3").file).touch()
    assert run(["models", "list", "--model-folder", str(tmp_path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(MODELS) <= lines.keys()
    assert " yes " in lines["megadetector-v3"]
    assert " no " in lines["megadetector-v2"]


def test_fetch_leaves_good_weights_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / find_model("megadetector-v3").file
    file.write_bytes(b"weights")
    assert run(["models", "fetch", "megadetector-v3", "--model-folder", str(tmp_path)]) == 0
    assert file.read_bytes() == b"weights"
    assert f"megadetector-v3 is at {file}" in capsys.readouterr().err


def test_fetch_of_a_model_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "fetch", "yolo"]) == 2
    assert "There is no model 'yolo'" in capsys.readouterr().err


def test_only_the_demo_model_is_built(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="models fetch"):
        weights_of(find_model("megadetector-v2"), tmp_path)


def test_a_demo_model_that_cannot_be_built_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DEMO.file).write_bytes(b"not the demo model")
    monkeypatch.setenv("PATH", str(tmp_path))  # no npm
    with pytest.raises(ModelUnavailable, match="npm is not installed"):
        weights_of(DEMO, tmp_path)
