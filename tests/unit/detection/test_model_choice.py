"""The model that somebody names, by name or by file."""

import hashlib
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from core.catalog import DEMO, Model, find_model, model_of_file
from core.errors import InvalidRequest, ModelUnavailable
from detection.detector import load_detector
from detection.model_choice import choose_model, is_model_file, weights_of
from tests.graphs import graph


def say_nothing(text: str) -> None:
    """Nothing takes a while here."""


def detect_apart(model: Model, folder: Path) -> int:
    detector = load_detector(model, folder)
    return len(detector.detect([np.zeros((64, 64, 3), np.uint8)]))


def test_a_model_by_its_name(demo_model: Path) -> None:
    model, path = choose_model("demo", demo_model.parent, say_nothing)
    assert (model, path) == (DEMO, demo_model)
    assert model.sha256 == ""


def test_weights_of_a_known_model_must_be_here_and_as_they_were(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="models fetch megadetector-v3"):
        choose_model("megadetector-v3", tmp_path, say_nothing)
    path = tmp_path / find_model("megadetector-v3").file
    path.write_bytes(graph())
    assert choose_model("megadetector-v3", tmp_path, say_nothing)[1] == path
    path.write_bytes(graph(padding=b"other"))
    with pytest.raises(ModelUnavailable, match="has changed"):
        choose_model("megadetector-v3", tmp_path, say_nothing)


@pytest.mark.parametrize("name", ["my.pb", "demo.pb", "weights"])
def test_a_model_by_its_file_is_known_by_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(graph())
    model, path = choose_model(name, tmp_path / "models", say_nothing)
    assert path == tmp_path / name and model.file == str(path)
    assert model.detector == name
    assert model.sha256 == hashlib.sha256(graph()).hexdigest()
    assert pickle.loads(pickle.dumps(model)) == model
    assert [one.name for one in tmp_path.iterdir()] == [name]  # nothing was written beside it


def test_a_file_is_loaded_in_another_process(demo_model: Path, tmp_path: Path) -> None:
    own = tmp_path / "my.pb"
    own.write_bytes(demo_model.read_bytes())
    model, _ = choose_model(str(own), tmp_path / "models", say_nothing)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        assert apart.submit(detect_apart, model, tmp_path / "models").result() == 1
    own.write_bytes(graph())
    with pytest.raises(ModelUnavailable, match="has changed"):
        load_detector(model, tmp_path / "models")


def test_a_misspelt_name_is_told_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'megadetector-v3'"):
        choose_model("MegaDetector-3", tmp_path, say_nothing)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for name in ("gone.pb", "./gone", "C:\\models\\gone.pb"):
        with pytest.raises(InvalidRequest, match=r"The model file .*gone.* does not exist"):
            choose_model(name, tmp_path, say_nothing)
    with pytest.raises(InvalidRequest, match="is a folder"):
        choose_model(str(tmp_path), tmp_path, say_nothing)


def test_a_file_that_is_no_graph_is_told_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "my.pb"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelUnavailable, match=r"my\.pb is a zip archive\. .*docs/models\.md"):
        choose_model(str(path), tmp_path, say_nothing)


def test_a_service_is_told_so_too(tmp_path: Path) -> None:
    path = tmp_path / "my.pb"
    path.write_bytes(b"<html>")
    with pytest.raises(ModelUnavailable, match=r"my\.pb is a web page"):
        weights_of(model_of_file(path), tmp_path, say_nothing)
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_of_the_catalog_goes_before_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo").write_bytes(graph())
    assert not is_model_file("demo")
    assert is_model_file("./demo")
