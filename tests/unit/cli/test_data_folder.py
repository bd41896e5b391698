import subprocess
import sys
from pathlib import Path

import pytest

from cli.data_folder import DataFolder
from core.errors import ConfigError
from core.sealing import Sealer


def test_the_secret_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = DataFolder(tmp_path).secret_key()
    assert DataFolder(tmp_path).secret_key() == key
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600
    assert Sealer([key]).open(Sealer([key]).seal("sas")) == "sas"
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["secret-key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_secret_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    key = DataFolder(tmp_path).secret_key()
    (tmp_path / "secret-key").chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600") as raised:
        DataFolder(tmp_path).secret_key()
    assert key not in str(raised.value)


def test_a_folder_has_one_holder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with (
        folder.locked(),
        pytest.raises(ConfigError, match="Another `megabatch serve`"),
        folder.locked(),
    ):
        pass
    with folder.locked():
        pass


def test_a_process_that_inherits_the_lock_holds_the_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    with folder.locked() as lock:
        heir = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,)
        )
    with pytest.raises(ConfigError), folder.locked():
        pass
    heir.communicate(b"\n")
    with folder.locked():
        pass


def test_nothing_is_made_for_who_only_looks(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path, made=False)
    assert (folder.kept_secret_key(), folder.kept_settings()) == ("", {})
    assert list(tmp_path.iterdir()) == []
    key = folder.secret_key()
    folder.keep_settings({"A": "b"})
    assert (folder.kept_secret_key(), folder.kept_settings()) == (key, {"A": "b"})
