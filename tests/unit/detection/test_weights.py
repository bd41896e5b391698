import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from core.catalog import DEMO, find_model, model_of_file
from core.errors import ModelUnavailable
from detection.model_files import frozen_file
from detection.weights import FileState, state_of, verified_weights, with_sha256

V3 = find_model("megadetector-v3")
CONTENT = bytes(range(256)) * 9000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def put(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / V3.file
    path.write_bytes(content)
    return path


def test_missing_weights_say_how_to_fetch_them(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="megabatch models fetch megadetector-v3"):
        verified_weights(V3, tmp_path)


def test_the_checksum_is_written_down_at_first_use(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert verified_weights(V3, tmp_path) == path
    assert (tmp_path / f"{V3.file}.sha256").read_text() == f"{DIGEST}  {V3.file}\n"
    assert verified_weights(V3, tmp_path) == path
    assert sorted(one.name for one in tmp_path.iterdir()) == [V3.file, f"{V3.file}.sha256"]


def test_sha256sum_reads_what_was_written_down(tmp_path: Path) -> None:
    put(tmp_path)
    verified_weights(V3, tmp_path)
    command = ["sha256sum", "--check", f"{V3.file}.sha256"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0


def test_weights_that_changed_are_refused(tmp_path: Path) -> None:
    verified_weights(V3, put(tmp_path).parent)
    put(tmp_path, CONTENT[:-1] + b"x")
    with pytest.raises(ModelUnavailable, match="has changed"):
        verified_weights(V3, tmp_path)


def test_an_empty_note_counts_as_none(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / f"{V3.file}.sha256").touch()
    verified_weights(V3, tmp_path)
    assert DIGEST in (tmp_path / f"{V3.file}.sha256").read_text()


def test_a_demo_model_that_is_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / DEMO.file).write_bytes(b"something else")
    with pytest.raises(ModelUnavailable, match="has changed"):
        verified_weights(DEMO, tmp_path)


def test_weights_named_by_their_whole_path(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert verified_weights(model_of_file(path), tmp_path / "elsewhere") == path


def test_a_file_of_ones_own_that_is_not_there_is_nobody_elses_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"^There is no model file /.*own\.pb\.$"):
        verified_weights(model_of_file(tmp_path / "own.pb"), tmp_path)


def test_a_file_of_ones_own_that_was_replaced_is_told_how_to_accept(tmp_path: Path) -> None:
    path = put(tmp_path)
    verified_weights(model_of_file(path), tmp_path)
    put(tmp_path, b"new")
    with pytest.raises(ModelUnavailable, match=r"on purpose, delete .*\.sha256\.$"):
        verified_weights(model_of_file(path), tmp_path)


def test_a_file_that_is_known_by_its_checksum_needs_no_note(tmp_path: Path) -> None:
    path = put(tmp_path)
    model = model_of_file(path, DIGEST)
    assert verified_weights(model, tmp_path) == path
    assert list(tmp_path.iterdir()) == [path]
    put(tmp_path, b"new")
    with pytest.raises(ModelUnavailable, match="Start again"):
        verified_weights(model, tmp_path)


def test_a_file_of_ones_own_may_be_called_as_a_known_model(tmp_path: Path) -> None:
    path = tmp_path / DEMO.file
    path.write_bytes(CONTENT)
    assert verified_weights(model_of_file(path), tmp_path) == path


def test_only_a_file_of_ones_own_is_named_by_its_checksum(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert with_sha256(model_of_file(path), tmp_path) == model_of_file(path, DIGEST)
    assert with_sha256(V3, tmp_path) is V3


def test_states_of_a_file(tmp_path: Path) -> None:
    file = frozen_file(V3, tmp_path)
    assert state_of(file) is FileState.MISSING
    path = put(tmp_path)
    assert state_of(file) is FileState.UNKNOWN
    verified_weights(V3, tmp_path)
    assert state_of(file) is FileState.AS_IT_WAS
    path.write_bytes(b"new")
    assert state_of(file) is FileState.CHANGED


def test_a_folder_that_cannot_be_written_is_used_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path)
    # Nobody, not even root, can write a file where a folder stands.
    (tmp_path / f".{V3.file}.sha256.{os.getpid()}.part").mkdir()
    assert verified_weights(V3, tmp_path) == path
    assert "is not verified" in caplog.text
