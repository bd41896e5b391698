import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.containers import folder
from core.errors import InvalidResults, StorageTrouble
from core.results.reader import Results, open_results
from core.results.validator import validate
from detection.local.earlier import files_path, made_by
from detection.local.journal import unfinished_folder
from detection.local.planning import LEAST, MOST, shard_size
from tests.hash_work import HashWork
from tests.local_run import Silent, new_run
from tests.pictures import jpeg

NAMES = [f"{number}.jpg" for number in range(6)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(NAMES):
        (tmp_path / "photos" / name).write_bytes(jpeg(number, 32, 24))
    (tmp_path / "photos/3.jpg").write_bytes(b"no picture")
    return tmp_path / "photos"


def run(photos: Path, output: Path, **settings: Any) -> Silent:
    """Run it, and tell what it has begun."""
    notes = output.with_name("notes")
    notes.write_text("")
    before = new_run(photos, output, HashWork(notes=notes, roots=(str(photos),)))
    previous = settings.pop("results", None)
    asked = msgspec.structs.replace(before.settings, **settings)
    again = msgspec.structs.replace(before, settings=asked, previous=previous)
    watcher = Silent()
    again.run(watcher)
    return watcher


def begun(output: Path) -> list[str]:
    return sorted(output.with_name("notes").read_text().split())


def files(results: Path) -> list[str]:
    return [one.file for one in open_results(results).images()]


@pytest.fixture
def done(tmp_path: Path, photos: Path) -> Results:
    run(photos, tmp_path / "results.json")
    return open_results(tmp_path / "results.json")


def test_a_run_ends_with_results_and_nothing_else(tmp_path: Path, done: Results) -> None:
    assert files(done.path) == NAMES
    assert validate(done.path).valid
    assert sorted(os.listdir(tmp_path)) == [
        *("notes", "photos", "results.json", "results.json.files.gz")
    ]
    made = made_by(done.path)
    assert made is not None
    assert made.sources == (str(tmp_path / "photos"),)


def test_a_run_over_nothing_has_empty_results(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run(tmp_path / "empty", tmp_path / "results.json")
    assert files(tmp_path / "results.json") == []
    assert validate(tmp_path / "results.json").valid


def test_only_what_is_new_failed_or_changed_is_processed(
    tmp_path: Path, photos: Path, done: Results
) -> None:
    (photos / "new.jpg").write_bytes(jpeg(50, 32, 24))
    status = (photos / "1.jpg").stat()
    (photos / "1.jpg").write_bytes(jpeg(51, 32, 24))
    # As old as a copy keeps it, and by chance of one size: its time alone would not tell.
    os.utime(photos / "1.jpg", ns=(status.st_atime_ns, status.st_mtime_ns - 10**9))
    (photos / "2.jpg").unlink()
    watcher = run(photos, tmp_path / "new.json", results=done, previous=str(done.path))
    assert begun(tmp_path / "new.json") == ["1.jpg", "3.jpg", "new.jpg"]
    assert files(tmp_path / "new.json") == ["0.jpg", "1.jpg", "3.jpg", "4.jpg", "5.jpg", "new.jpg"]
    assert watcher.plan is not None
    assert watcher.plan.kept == 3
    kept = {one.file: one for one in done.images()}
    fresh = {one.file: one for one in open_results(tmp_path / "new.json").images()}
    assert fresh["0.jpg"] == kept["0.jpg"]
    assert fresh["1.jpg"] != kept["1.jpg"]


def test_without_the_list_of_files_younger_ones_count_as_changed(
    tmp_path: Path, photos: Path, done: Results
) -> None:
    files_path(done.path).unlink()
    for number, name in enumerate(NAMES):
        # A camera's clock may be wrong by any time.
        os.utime(photos / name, (0, (10**9, 4 * 10**9, -(10**9), 10**9, 1, 10**9)[number]))
    run(photos, tmp_path / "new.json", results=done, previous=str(done.path))
    assert begun(tmp_path / "new.json") == ["1.jpg", "3.jpg"]


def test_results_can_be_brought_up_to_date_in_place(
    tmp_path: Path, photos: Path, done: Results
) -> None:
    (photos / "new.jpg").write_bytes(jpeg(50, 32, 24))
    run(photos, done.path, results=done, previous=str(done.path))
    assert files(done.path) == [*NAMES, "new.jpg"]
    run(photos, done.path, results=open_results(done.path), previous=str(done.path))
    assert begun(done.path) == ["3.jpg"]


def test_failed_images_are_tried_again_and_nothing_else(
    tmp_path: Path, photos: Path, done: Results
) -> None:
    (photos / "3.jpg").write_bytes(jpeg(3, 32, 24))
    (photos / "1.jpg").write_bytes(jpeg(51, 32, 24))
    (photos / "new.jpg").write_bytes(jpeg(52, 32, 24))
    run(photos, done.path, results=done, previous=str(done.path), retry_failed=True)
    assert begun(done.path) == ["3.jpg"]
    results = list(open_results(done.path).images())
    assert [one.file for one in results] == NAMES
    assert not [one for one in results if one.failure]


def test_a_damaged_list_of_files_is_told(tmp_path: Path, photos: Path, done: Results) -> None:
    whole = files_path(done.path).read_bytes()
    files_path(done.path).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidResults, match="Delete it"):
        run(photos, tmp_path / "new.json", results=done, previous=str(done.path))


def test_a_disk_that_comes_back_costs_nothing(tmp_path: Path, photos: Path) -> None:
    output = tmp_path / "results.json"
    gone = photos.with_name("gone")

    class Unplugs(Silent):
        def planned(self, plan: object, done: int) -> None:
            photos.rename(gone)

    work = HashWork(notes=tmp_path / "notes", roots=(str(photos),))
    with pytest.raises(StorageTrouble, match="still connected"):
        new_run(photos, output, work).run(Unplugs())
    assert not output.exists()
    gone.rename(photos)
    new_run(photos, output, work).run(Silent())
    assert [one.failure is None for one in open_results(output).images()].count(False) == 1


def test_a_disk_that_is_unplugged_while_it_is_listed_costs_nothing(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, gone = tmp_path / "results.json", photos.with_name("gone")
    look: Callable[..., Any] = folder._listed

    def unplugging(name: str, path: str) -> Any:
        if name == NAMES[3]:
            photos.rename(gone)
        return look(name, path)

    work = HashWork(notes=tmp_path / "notes", roots=(str(photos),))
    with monkeypatch.context() as patch, pytest.raises(StorageTrouble, match="still mounted"):
        patch.setattr(folder, "_listed", unplugging)
        new_run(photos, output, work).run(Silent())
    gone.rename(photos)
    new_run(photos, output, work).run(Silent())
    assert files(output) == NAMES


@pytest.mark.parametrize("name", ["results.json", "results.json.files.gz"])
def test_a_kill_between_merging_and_the_end_is_made_good(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    replace, output = os.replace, tmp_path / "results.json"

    def killed(source: Path, target: Path) -> None:
        if Path(target).name == name:
            raise KeyboardInterrupt
        replace(source, target)

    work = HashWork(notes=tmp_path / "notes")
    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        new_run(photos, output, work).run(Silent())
    monkeypatch.undo()
    assert unfinished_folder(output).exists()
    watcher = Silent()
    new_run(photos, output, work).run(watcher)
    assert watcher.lines == []
    assert files(output) == NAMES


@pytest.mark.parametrize(
    ("images", "processes", "size"),
    [(0, 1, LEAST), (1, 8, LEAST), (800, 4, 50), (10**6, 4, MOST), (4 * MOST, 1, MOST)],
)
def test_few_images_are_cut_finer(images: int, processes: int, size: int) -> None:
    assert shard_size(images, processes) == size


def test_the_list_of_files_can_be_read_by_others(done: Results) -> None:
    with gzip.open(files_path(done.path)) as lines:
        head, *rest = map(msgspec.json.decode, lines)
    assert head["model"] == "demo"
    assert [one["name"] for one in rest] == NAMES


def test_the_text_of_a_list_is_the_one_that_it_has_now(tmp_path: Path, photos: Path) -> None:
    output, listed = tmp_path / "results.json", tmp_path / "list.json"
    texts: list[tuple[str | None, str | None]] = []
    for entries in (
        '[["photos/0.jpg", "north"]]',
        '[["photos/0.jpg", "south"]]',
        '["photos/0.jpg"]',
    ):
        listed.write_text(entries)
        previous = open_results(output) if output.exists() else None
        run(listed, output, results=previous, previous=str(output) if previous else "")
        (image,) = open_results(output).images()
        texts.append((image.meta, " ".join(begun(output))))
    assert texts == [("north", "photos/0.jpg"), ("south", ""), (None, "")]
