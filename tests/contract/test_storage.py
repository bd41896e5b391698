"""What a storage promises about long listings, on a local folder and on a real Azurite."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import storage as storage_module
from core.config import Settings
from core.errors import ConfigError
from core.storage import Storage, open_storage


def test_files_below_a_folder_are_deleted_some_at_a_time(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_module, "_PAGE", 10)
    for number in range(25):
        storage.create(f"jobs/a/shards/{number:07d}", b"x")
    storage.create("jobs/a/job.json", b"x")
    storage.create("jobs/ab/job.json", b"x")
    counts = []
    while count := storage.delete_some("jobs/a/"):
        counts.append(count)
    assert counts == [10, 10, 6]
    assert storage.names("jobs/") == ["ab/job.json"]
    assert storage.delete_some("jobs/a/") == storage.delete_some("nowhere/") == 0


def test_each_name_comes_once_from_any_place_on(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_module, "_PAGE", 3)
    names = [f"2026-{month:02d}-01/{n}" for month in range(1, 6) for n in range(4)]
    for name in (*names, "readme"):
        storage.create(f"due/{name}", b"")
    storage.create("due-other/2026-09-01/0", b"")
    assert sorted(storage.each_name("due/")) == [*names, "readme"]
    assert sorted(storage.each_name("due/", after="2026-03-01")) == [*names[8:], "readme"]
    assert sorted(storage.each_name("due/", after="2026-03-02")) == [*names[12:], "readme"]
    assert list(storage.each_name("due/", after="s")) == list(storage.each_name("nowhere/")) == []


def test_names_of_folders(storage: Storage) -> None:
    assert storage.folders("due/") == []
    for name in ("2026-03-02/a", "2025-12-31/b", "2026-03-02/c", "file"):
        storage.create(f"due/{name}", b"")
    assert storage.folders("due/") == ["2025-12-31", "2026-03-02"]


def test_nothing_is_left_of_a_folder_without_files(storage: Storage) -> None:
    storage.create("due/2026-03-02/a", b"")
    storage.delete("due/2026-03-02/a")
    assert storage.folders("due/") == []
    assert storage.create("due/2026-03-02/a", b"") == b""


def test_a_file_is_written_over_where_that_is_asked_for(storage: Storage) -> None:
    storage.create("jobs/a/links/b.json", b"long before")
    assert storage.create("jobs/a/links/b.json", b"new") == b"long before"
    storage.replace("jobs/a/links/b.json", b"new")
    assert storage.read("jobs/a/links/b.json") == b"new"
    assert storage.names("jobs/") == ["a/links/b.json"]


def test_what_another_has_just_deleted_does_no_harm(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"jobs/a/{number}" for number in range(30)]
    for name in names:
        storage.create(name, b"x")
    delete = storage_module.obstore.delete

    def late(store: object, paths: list[str]) -> None:
        for path in paths[::2]:
            delete(store, path)  # type: ignore[arg-type]
        delete(store, paths)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(storage_module.obstore, "delete", late)
        storage.delete_some("jobs/a/")
    while storage.delete_some("jobs/a/"):
        pass
    assert storage.names("jobs/") == []


def test_when_a_file_was_written(storage: Storage) -> None:
    storage.create("live/a", b"")
    age = datetime.now(UTC) - storage.written_at("live/a")
    assert abs(age) < timedelta(hours=1)
    with pytest.raises(FileNotFoundError):
        storage.written_at("live/b")


@pytest.mark.parametrize("url", ["file://[x", "gopher://x", "nonsense"])
def test_a_url_that_names_no_storage_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="MEGABATCH_STORAGE_URL cannot be opened"):
        open_storage(Settings(storage_url=url))


def test_credentials_in_a_url_are_not_told() -> None:
    with pytest.raises(ConfigError, match="variables of their own") as raised:
        open_storage(Settings(storage_url="az://user:canary@own"))
    assert "canary" not in str(raised.value)


def test_a_file_that_is_still_written_is_none_of_ours(storage: Storage, tmp_path: Path) -> None:
    storage.create("due/2026-03-02/a", b"")
    # What a local folder calls it, and what a cloud holds into which that folder was copied.
    if (tmp_path / "storage").exists():
        (tmp_path / "storage/due/2026-03-02/b#1").touch()
    else:
        storage.create("due/2026-03-02/b#1", b"")
    assert storage.names("due/") == ["2026-03-02/a"]
    storage.delete_some("due/")
    assert storage.names("due/") == []
