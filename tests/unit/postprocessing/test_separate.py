import errno
import os
from pathlib import Path

import pytest

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing import separate
from postprocessing.disk import Names, files_below
from postprocessing.separate import (
    RECORD,
    How,
    Separator,
    check_room,
    read_record,
    undo,
)
from postprocessing.sorting import new_sorter
from postprocessing.thresholds import Threshold
from tests.results_files import detection, failure, image, write_results

FILES = {"a/1.jpg": b"one", "a/2.jpg": b"two", "b/1.jpg": b"three", "b/2.jpg": b"four"}
SORTED = {
    "animal/a/1.jpg": b"one",
    "empty/a/2.jpg": b"two",
    "failed/b/1.jpg": b"three",
    "uncertain/b/2.jpg": b"four",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "photos"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return write_results(
        tmp_path / "r.json",
        image("a/1.jpg", detection("1", 0.9)),
        image("a/2.jpg"),
        failure("b/1.jpg"),
        image("b/2.jpg", detection("1", 0.5)),
        image("gone.jpg"),
    )


def separator(results: Results, root: Path) -> Separator:
    sorter = new_sorter(results, Threshold(0.8, ""), Threshold(0.3, ""), {})
    return Separator(results, root, Names(files_below(root)), sorter)


def held(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD
    }


@pytest.mark.parametrize("how", ["link", "copy", "move"])
def test_each_image_goes_where_it_belongs_and_back(
    tmp_path: Path, root: Path, results: Results, how: How
) -> None:
    out = tmp_path / "out"
    done = separator(results, root).run(out, how)
    assert held(out) == SORTED
    assert held(root) == ({} if how == "move" else FILES)
    assert done.missing == ["gone.jpg"]
    assert undo(out / RECORD) == (4, [])
    assert held(root) == FILES
    assert os.listdir(out) == []


@pytest.mark.parametrize("how", ["link", "copy", "move"])
def test_an_image_that_is_named_twice_is_placed_once(
    tmp_path: Path, root: Path, results: Results, how: How
) -> None:
    spellings = (image(name, detection("1", 0.9)) for name in ("a/1.jpg", "a/1.jpg", "a\\1.jpg"))
    twice = write_results(tmp_path / "twice.json", *spellings)
    out = tmp_path / "out"
    done = separator(twice, root).run(out, how)
    assert held(out) == {"animal/a/1.jpg": b"one"}
    assert (done.images, done.missing) == ({"animal": 1}, [])
    assert undo(out / RECORD) == (1, [])
    assert held(root) == FILES


def test_a_look_touches_nothing(tmp_path: Path, root: Path, results: Results) -> None:
    looked = separator(results, root).look(tmp_path / "out", "move")
    assert looked.images == {"animal": 1, "empty": 1, "failed": 1, "uncertain": 1}
    assert looked.size == sum(map(len, FILES.values()))
    assert held(root) == FILES
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["link", "copy", "move"])
def test_what_was_broken_off_goes_on(
    tmp_path: Path, root: Path, results: Results, how: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, place, placed = tmp_path / "out", separate._place, []

    def broken(one: separate.Placed, target: Path) -> None:
        if len(placed) == 2:
            raise KeyboardInterrupt
        placed.append(one)
        place(one, target)

    monkeypatch.setattr(separate, "_place", broken)
    with pytest.raises(KeyboardInterrupt):
        separator(results, root).run(out, how)
    monkeypatch.undo()
    with (out / RECORD).open("ab") as record:
        record.write(b'{"file": "half a li')
    whole = read_record(out / RECORD)
    assert len(list(whole)) == 3
    done = separator(results, root).run(out, how)
    assert (held(out), done.there, done.missing) == (SORTED, 2, ["gone.jpg"])
    undo(out / RECORD)
    assert held(root) == FILES


def test_a_file_of_somebody_else_is_not_replaced(
    tmp_path: Path, root: Path, results: Results
) -> None:
    mine = tmp_path / "out/animal/a/1.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match="choose an empty folder"):
        separator(results, root).run(tmp_path / "out", "copy")
    assert mine.read_text() == "mine"


def test_undoing_keeps_what_was_changed_and_what_has_no_original(
    tmp_path: Path, root: Path, results: Results
) -> None:
    out = tmp_path / "out"
    separator(results, root).run(out, "copy")
    (out / "animal/a/1.jpg").write_bytes(b"longer than before")
    (root / "a/2.jpg").unlink()
    taken_back, left = undo(out / RECORD)
    assert taken_back == 2
    assert [line.partition(": ")[0] for line in left] == ["empty/a/2.jpg", "animal/a/1.jpg"]
    assert set(held(out)) == {"empty/a/2.jpg", "animal/a/1.jpg"}
    assert (out / RECORD).exists()


def test_undoing_a_move_does_not_replace_what_came_since(
    tmp_path: Path, root: Path, results: Results
) -> None:
    out = tmp_path / "out"
    separator(results, root).run(out, "move")
    (root / "a/1.jpg").parent.mkdir(parents=True, exist_ok=True)
    (root / "a/1.jpg").write_bytes(b"new")
    assert undo(out / RECORD)[1] == ["animal/a/1.jpg: another file stands where it was"]
    assert (root / "a/1.jpg").read_bytes() == b"new"
    assert (out / "animal/a/1.jpg").read_bytes() == b"one"


@pytest.mark.parametrize("how", ["link", "move"])
def test_another_disk_is_copied_to(
    tmp_path: Path, root: Path, results: Results, how: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def far(source: Path, target: Path) -> None:
        if not str(source).endswith(".part"):
            raise OSError(errno.EXDEV, "far")
        replace(source, target)

    def no_link(*_: object) -> None:
        raise OSError(errno.EXDEV, "far")

    monkeypatch.setattr(os, "replace", far)
    monkeypatch.setattr(os, "link", no_link)
    separator(results, root).run(tmp_path / "out", how)
    assert held(tmp_path / "out") == SORTED
    assert held(root) == ({} if how == "move" else FILES)
    undo(tmp_path / "out" / RECORD)
    assert held(root) == FILES


def test_names_that_lead_out_find_no_file(tmp_path: Path, root: Path) -> None:
    (tmp_path / "secret.jpg").write_text("secret")
    results = write_results(
        tmp_path / "r.json", image("../secret.jpg"), image("a/../../secret.jpg")
    )
    done = separator(results, root).run(tmp_path / "out", "move")
    assert len(done.missing) == 2
    assert (tmp_path / "secret.jpg").exists()


def test_results_follow_their_images(tmp_path: Path, root: Path, results: Results) -> None:
    names = [one.file for one in separator(results, root).renamed(tmp_path / "out", folds=False)]
    assert names == [*SORTED, "gone.jpg"]


def test_a_copy_that_has_no_room_is_refused(tmp_path: Path, root: Path, results: Results) -> None:
    looked = separator(results, root).look(tmp_path / "new/out", "copy")
    check_room(looked, "copy", root)
    looked.sizes["animal"] = 10**18
    check_room(looked, "link", root)
    with pytest.raises(InvalidRequest, match="are free at"):
        check_room(looked, "copy", root)


def test_a_record_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no record"):
        undo(tmp_path / RECORD)


def test_results_follow_what_a_broken_run_has_moved(
    tmp_path: Path, root: Path, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, placed = separate._place, []

    def broken(one: separate.Placed, target: Path) -> None:
        if len(placed) == 2:
            raise KeyboardInterrupt
        placed.append(one)
        place(one, target)

    with monkeypatch.context() as patched:
        patched.setattr(separate, "_place", broken)
        with pytest.raises(KeyboardInterrupt):
            separator(results, root).run(tmp_path / "out", "move")
    again = separator(results, root)
    again.run(tmp_path / "out", "move")
    names = [image.file for image in again.renamed(tmp_path / "out", folds=False)]
    assert sorted(names) == sorted([*SORTED, "gone.jpg"])
    assert held(tmp_path / "out") == SORTED


def test_an_image_does_not_come_to_lie_in_two_folders(
    tmp_path: Path, root: Path, results: Results
) -> None:
    separator(results, root).run(tmp_path / "out", "link")
    careful = new_sorter(results, Threshold(0.95, ""), Threshold(0.3, ""), {})
    other = Separator(results, root, Names(files_below(root)), careful)
    with pytest.raises(InvalidRequest, match=r"has a/1\.jpg in animal/a/1\.jpg, and now"):
        other.run(tmp_path / "out", "link")
    assert held(tmp_path / "out") == SORTED
    undo(tmp_path / "out" / RECORD)
    other.run(tmp_path / "out", "link")
    assert (tmp_path / "out/uncertain/a/1.jpg").exists()


def test_names_with_backslashes_keep_their_folders(tmp_path: Path, root: Path) -> None:
    results = write_results(tmp_path / "r.json", image("a\\1.jpg", detection("1", 0.9)))
    separator(results, root).run(tmp_path / "out", "link")
    assert held(tmp_path / "out") == {"animal/a/1.jpg": b"one"}


@pytest.mark.parametrize("text", ["{}\n", "no JSON\n", '{"file": 1}\n'])
def test_what_is_no_record_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InvalidRequest, match="line 1: this is no record"):
        undo(tmp_path / "r.json")
