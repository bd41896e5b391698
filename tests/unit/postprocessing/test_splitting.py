import os
from pathlib import Path

import pytest

from core.results.reader import Results, open_results
from postprocessing.splitting import folder_of, split
from tests.hostile_names import HOSTILE
from tests.results_files import detection, image, write_results


@pytest.mark.parametrize(
    ("name", "depth", "folder"),
    [("a/b/c.jpg", 1, "a"), ("a/b/c.jpg", 2, "a/b"), ("a/b/c.jpg", 9, "a/b"), ("c.jpg", 1, "")],
)
def test_a_folder_is_so_many_parts_of_a_name(name: str, depth: int, folder: str) -> None:
    assert folder_of(name, depth) == folder


def results_of(tmp_path: Path, *names: str) -> Results:
    return write_results(tmp_path / "r.json", *(image(name, detection()) for name in names))


def test_each_folder_gets_its_images_in_their_order(tmp_path: Path) -> None:
    results = results_of(tmp_path, "b/2.jpg", "a/1.jpg", "b/1.jpg", "x.jpg")
    written = split(results, results.images(), 1, tmp_path / "out")
    held = {
        folder: [one.file for one in open_results(path).images()]
        for folder, path in written.items()
    }
    assert held == {"": ["x.jpg"], "a": ["a/1.jpg"], "b": ["b/2.jpg", "b/1.jpg"]}
    assert [path.name for path in written.values()] == ["0001.json", "0002-a.json", "0003-b.json"]


def test_there_may_be_more_folders_than_open_files(tmp_path: Path) -> None:
    names = [f"{number}/{turn}.jpg" for turn in range(2) for number in range(300)]
    results = results_of(tmp_path, *names)
    written = split(results, results.images(), 1, tmp_path / "out")
    assert len(written) == 300
    assert all(len(list(open_results(path).images())) == 2 for path in written.values())


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    results = results_of(tmp_path, *HOSTILE)
    written = split(results, results.images(), 9, tmp_path / "deep" / "out")
    assert {path.parent for path in written.values()} == {tmp_path / "deep" / "out"}
    assert set(os.listdir(tmp_path / "deep" / "out")) == {path.name for path in written.values()}
    assert written.keys() == {folder_of(name, 9) for name in HOSTILE}
    held = [one.file for path in written.values() for one in open_results(path).images()]
    assert sorted(held) == sorted(HOSTILE)


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    results = results_of(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "0002-b.json").write_text("mine")
    with pytest.raises(FileExistsError):
        split(results, results.images(), 1, tmp_path)
    assert (tmp_path / "0002-b.json").read_text() == "mine"
    assert not (tmp_path / "0001-a.json").exists()
