"""What is said of disks, as workers look at them."""

import shutil
from pathlib import Path

import pytest

from cli.doctor import space
from cli.doctor.case import Case
from tests.unit.cli.doctor.conftest import by_what, changed, verdicts


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_there_is_room(case: Case, tmp_path: Path, temporary: Path) -> None:
    found = by_what(space.examine(changed(case, least_room=1)))
    # The storage is not there yet, and would be made in this folder.
    assert verdicts(found) == {str(temporary): "ok", str(tmp_path): "ok"}
    free = shutil.disk_usage(tmp_path).free // 1_000_000
    told = int(found[str(tmp_path)].seen.partition(" MB free")[0].replace(",", ""))
    assert abs(told - free) < 1000


def test_a_disk_is_full(case: Case, tmp_path: Path, temporary: Path) -> None:
    found = by_what(space.examine(changed(case, least_room=10**9)))
    assert verdicts(found) == {str(temporary): "fault", str(tmp_path): "fault"}
    assert "MEGABATCH_LEAST_ROOM" in found[str(temporary)].seen


def test_a_folder_that_cannot_be_looked_at_is_a_fault_like_others(
    case: Case, tmp_path: Path, temporary: Path
) -> None:
    refused = tmp_path / ("x" * 300)  # by every file system
    looked = changed(case, least_room=1, storage_url=f"file://{refused}")
    found = by_what(space.examine(looked))
    assert verdicts(found) == {str(temporary): "ok", str(refused): "fault"}
    assert "cannot be looked at (File name too long)" in found[str(refused)].seen


def test_a_storage_elsewhere_has_no_disk(case: Case, temporary: Path) -> None:
    found = by_what(space.examine(changed(case, storage_url="az://own")))
    assert list(found) == [str(temporary)]
