import os
import sys
from pathlib import Path

import pytest

from core.file_systems import folds_names, is_folding


def test_what_a_file_system_makes_of_names_is_found_out_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert folds_names(tmp_path) == (tmp_path / "A").exists()
    assert os.listdir(tmp_path) == ["a"]
    assert folds_names(tmp_path) is not sys.platform.startswith("linux")


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_is_found_in_another_case_folds_names(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "Photos"
    folder.mkdir()
    if there:
        (tmp_path / "pHOTOS").symlink_to(folder)  # found so, as it would be where case is ignored
    assert is_folding(folder) is (there or folds_names(tmp_path))


def test_another_folder_of_that_name_is_another(tmp_path: Path) -> None:
    for name in ("photos", "PHOTOS"):
        (tmp_path / name).mkdir(exist_ok=True)
    assert is_folding(tmp_path / "photos") is folds_names(tmp_path)
    assert not is_folding(tmp_path / "2019")
