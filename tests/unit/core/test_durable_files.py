"""Files of a local storage: in which order they reach the disk, and writers that meet or die."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core import durable_files
from core.config import Settings
from core.errors import JobFolderTrouble
from core.storage import Storage, open_storage

FILE = "jobs/a/images/0000000.ndjson"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(Settings(storage_url=f"file://{tmp_path}/storage"))


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is done to the disk, in order: `sync` or `name`, and what, below the storage."""
    done: list[str] = []
    root = tmp_path / "storage"

    def told(path: str) -> str:
        name = os.path.relpath(path, root)
        return "a new file" if "#" in name else name

    def sync(descriptor: int, original: Callable[[int], None] = os.fsync) -> None:
        original(descriptor)
        done.append(f"sync {told(os.readlink(f'/proc/self/fd/{descriptor}'))}")

    def watched(original: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        def name(source: Path, target: Path) -> None:
            done.append(f"name {told(str(target))}")
            original(source, target)

        return name

    monkeypatch.setattr(os, "fsync", sync)
    for function in ("link", "replace"):
        monkeypatch.setattr(os, function, watched(getattr(os, function)))
    return done


FOLDERS = ["sync jobs/a/images", "sync jobs/a", "sync jobs", "sync ."]


def below(tmp_path: Path) -> list[str]:
    root = tmp_path / "storage"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("verb", ["create", "replace"])
def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_is_acknowledged(
    storage: Storage, steps: list[str], tmp_path: Path, verb: str
) -> None:
    getattr(storage, verb)(FILE, b"whole")
    assert steps == ["sync a new file", f"name {FILE}", *FOLDERS]
    assert below(tmp_path) == [FILE] and storage.read(FILE) == b"whole"


def test_what_another_wrote_is_on_the_disk_before_it_is_relied_upon(
    storage: Storage, steps: list[str], tmp_path: Path
) -> None:
    storage.create(FILE, b"first")
    steps.clear()
    assert storage.create(FILE, b"second") == b"first"
    assert steps[-4:] == FOLDERS
    assert below(tmp_path) == [FILE]


def test_a_long_file_is_on_the_disk_once_it_is_written(storage: Storage, steps: list[str]) -> None:
    with storage.writer(FILE) as writer:
        writer.write(bytes(20_000_000))
        assert steps == []
    assert steps == [f"sync {FILE}", *FOLDERS]


def test_what_is_deleted_stays_so(storage: Storage, steps: list[str]) -> None:
    storage.create(FILE, b"")
    storage.create("jobs/a/job.json", b"")
    steps.clear()
    storage.delete(FILE)
    assert steps == FOLDERS[1:]  # the empty folder went, too
    storage.delete(FILE)
    assert steps == FOLDERS[1:]


def test_a_new_storage_is_kept_with_the_folders_above_it(tmp_path: Path, steps: list[str]) -> None:
    open_storage(Settings(storage_url=f"file://{tmp_path}/storage/north/own"))
    assert steps == ["sync ..", "sync .", "sync north"]
    open_storage(Settings(storage_url=f"file://{tmp_path}/storage/north/own"))
    assert len(steps) == 3


def test_a_disk_that_fails_leaves_nothing(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for write in (storage.create, storage.replace):
            with pytest.raises(JobFolderTrouble, match="No space left"):
                write(FILE, b"data")
    assert below(tmp_path) == []
    assert storage.create(FILE, b"data") == b"data"


def test_of_many_writers_at_once_one_wins(storage: Storage, tmp_path: Path) -> None:
    writers = [b"%d" % n * 100_000 for n in range(8)]
    start, standing = threading.Barrier(len(writers)), list[bytes]()

    def write(data: bytes) -> None:
        start.wait()
        standing.append(storage.create(FILE, data))

    threads = [threading.Thread(target=write, args=(data,)) for data in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(standing) == len(writers) and len(set(standing)) == 1
    assert storage.read(FILE) == standing[0] and below(tmp_path) == [FILE]


def test_folders_that_go_while_others_write_there_do_no_harm(storage: Storage) -> None:
    troubles: list[Exception] = []

    def come_and_go(name: str) -> None:
        for _ in range(100):
            try:
                storage.create(f"due/2026-03-01/{name}", b"")
                storage.delete(f"due/2026-03-01/{name}")
            except Exception as error:
                troubles.append(error)

    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == [] and storage.names("due/") == []


def test_a_file_whose_folder_is_swept_while_it_is_written_is_a_trouble(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def late(source: Path, target: Path) -> None:
        storage.delete_unfinished("jobs/a/")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(JobFolderTrouble, match="is being deleted"):
        storage.create(FILE, b"data")
    assert below(tmp_path) == []


@pytest.mark.parametrize("name", ["../out", "/out", "jobs//a", "./a", "jobs/a/..", "jobs/a#1"])
def test_names_that_lead_elsewhere_or_would_not_be_listed_are_refused(
    storage: Storage, tmp_path: Path, name: str
) -> None:
    for write in (storage.create, storage.replace):
        with pytest.raises((ValueError, JobFolderTrouble)):
            write(name, b"")
    assert [path.name for path in tmp_path.rglob("*")] == ["storage"]


@pytest.mark.parametrize("name", ["a b", "ü", "a%2Fb", "c?d", "e~f", "i\\j", "a#1x", "100%"])
def test_obstore_reads_and_lists_what_is_written_by_its_name(storage: Storage, name: str) -> None:
    storage.create(f"jobs/{name}", b"one")
    assert storage.names("jobs/") == [name]
    assert storage.read(f"jobs/{name}") == b"one"
    with storage.writer(f"long/{name}") as writer:
        writer.write(b"two")
    assert storage.create(f"long/{name}", b"three") == b"two"


def test_names_of_unfinished_files_are_those_that_obstore_passes_over(storage: Storage) -> None:
    with durable_files._staged(durable_files._target(storage._root, FILE), b"") as staged:  # type: ignore[arg-type]
        assert staged.exists() and storage.names("jobs/") == []
        storage.create("jobs/a/images/1", b"")
        assert list(storage._store.list("jobs/")).pop()[0]["path"] == "jobs/a/images/1"
