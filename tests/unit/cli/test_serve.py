import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import pytest

from cli.data_folder import DataFolder
from cli.main import run
from cli.redis_server import free_port
from cli.serve import announcement, chosen_models
from cli.system import System, SystemOptions
from tests.unit.cli.stand_in import process_ids, write_stand_ins
from tests.unit.cli.test_processes import alive

SERVE = """
import os, pathlib, sys
from cli.serve import serve_until_stopped
from cli.system import SystemOptions
folder = pathlib.Path(sys.argv[1])
serve_until_stopped(SystemOptions(models=("demo",), model_folder=folder, port=0,
    data_folder=folder / "data", code_folder=folder / "code"), {})
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_it_is_and_stops_when_asked(tmp_path: Path, signal_number: int) -> None:
    code = write_stand_ins(tmp_path / "code")
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path)], stderr=subprocess.PIPE, text=True
    ) as serve:
        assert serve.stderr is not None
        said: list[str] = []
        while not said or said[-1] != "Stop it with Ctrl-C.\n":
            said.append(serve.stderr.readline())
            assert said[-1], said
        [api] = process_ids(code, "api")
        assert alive(api)
        serve.send_signal(signal_number)
        rest = serve.stderr.read()
    assert (serve.returncode, rest) == (0, "Stopped.\n")
    assert not alive(api)
    assert "MegaBatch runs at http://127.0.0.1:" in said[1]
    assert f"Data and logs:  {tmp_path / 'data'}\n" in said


@pytest.fixture
def system(tmp_path: Path) -> System:
    options = SystemOptions(
        models=("demo",), model_folder=tmp_path, data_folder=tmp_path / "data", port=free_port()
    )
    return System(options, DataFolder(options.data_folder), print)


def test_the_hint_names_the_service_where_it_is_not_the_usual_one(system: System) -> None:
    lines = "\n".join(announcement(system, {}))
    assert f"megabatch submit CONTAINER --wait --service {system.url}" in lines
    assert "1 detection worker for demo" in lines


def test_local_folders_are_explained_only_where_none_is_allowed(
    system: System, tmp_path: Path
) -> None:
    assert any("--allow-root" in line for line in announcement(system, {}))
    given = {"MEGABATCH_ALLOWED_ROOTS": "/photos"}
    assert not any("--allow-root" in line for line in announcement(system, given))
    system.options = msgspec.structs.replace(system.options, allowed_roots=(tmp_path,))
    assert not any("--allow-root" in line for line in announcement(system, {}))


def test_without_weights_serve_says_how_to_fetch_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["serve", "--model-folder", str(tmp_path)]) == 3
    assert "`megabatch models fetch megadetector-v3`" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_model_that_is_not_known_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--model", "yolo", "--model-folder", str(tmp_path)]) == 2
    assert "Known models: megadetector-v2" in capsys.readouterr().err


def test_several_models_are_announced(system: System) -> None:
    system.options = msgspec.structs.replace(system.options, models=("demo", "own"), workers=2)
    assert "with 2 detection workers each for demo, own." in next(announcement(system, {}))


def test_files_are_served_by_their_stems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.pb").touch()
    assert chosen_models(["megadetector-v4.1", "own.pb", "./own.pb", "demo", "demo"]) == (
        ("megadetector-v4.1", "own", "demo"),
        (tmp_path / "own.pb",),
    )


def test_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / folder / "own.pb" for folder in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.touch()
    with pytest.raises(click.UsageError, match="same name"):
        chosen_models([str(file) for file in files])


@pytest.mark.parametrize("name", ["own.pb", "folder/own", "folder"])
def test_a_model_file_that_is_not_there_is_a_usage_error(
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert run(["serve", "--model", f"./{name}"]) == 2
    assert f"There is no model file {tmp_path / name}" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["folder"]


def test_the_variable_names_the_model_that_is_served_without_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEGABATCH_DEFAULT_MODEL", "megadetector-v2")
    assert run(["serve", "--model-folder", str(tmp_path)]) == 3
    assert "`megabatch models fetch megadetector-v2`" in capsys.readouterr().err
