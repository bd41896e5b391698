from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postprocessing.convert.places import Places, inside, is_named_like, part_folder


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("a/b.jpg", "a/b.txt"),
        ("a\\b.jpg", "a/b.txt"),
        ("Site A/IMG_1.JPG", "Site A/IMG_1.txt"),
        ("a.b/c", "a.b/c.txt"),
        ("x.txt/b.jpg", "x.txt_/b.txt"),
        (".jpg", ".jpg.txt"),
    ],
)
def test_names_stay_where_they_can(tmp_path: Path, name: str, place: str) -> None:
    assert Places(tmp_path).write(name, ".txt", b"1") == place
    assert (tmp_path / place).read_bytes() == b"1"


@pytest.mark.parametrize("name", ["../../b.jpg", "/b.jpg", "C:\\b.jpg", "aux.jpg", "a\x1b.jpg", ""])
def test_names_that_cannot_stay_are_marked(tmp_path: Path, name: str) -> None:
    place = Places(tmp_path / "deep").write(name, ".txt", b"")
    assert "~" in place
    assert not is_named_like(place, name)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_names_that_differ_in_the_suffix_alone_are_told_apart(tmp_path: Path) -> None:
    places = Places(tmp_path)
    names = ["a.jpg", "a.png", "a.png.gif", *["a.png"] * 3, "a\\b.jpg", "a/b.jpg"]
    found = [places.write(name, ".txt", name.encode()) for name in names]
    assert len(set(found)) == len(names)
    assert found[:2] == ["a.txt", "a.png.txt"]
    assert [(tmp_path / place).read_bytes() for place in found] == [one.encode() for one in names]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), max_size=4))
def test_every_place_is_inside(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("places")
    places = Places(folder / "in")
    for name in dict.fromkeys(names):
        parts = PurePosixPath(places.write(name, ".txt", b"")).parts
        assert parts[0] != "/"
        assert ".." not in parts
    assert {path.name for path in folder.iterdir()} <= {"in"}


def test_files_are_looked_for_inside_alone(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "x").mkdir(parents=True)
    (folder / "x/a.txt").write_text("in")
    (tmp_path / "a.txt").write_text("out")
    (folder / "link.txt").symlink_to(tmp_path / "a.txt")
    assert inside(folder, "x/a.txt") == (folder / "x/a.txt").resolve()
    for path in ("../a.txt", str(tmp_path / "a.txt"), "link.txt", "x", "a\0", "gone"):
        assert inside(folder, path) is None


def test_a_folder_that_could_not_be_finished_does_not_appear(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), part_folder(tmp_path / "set") as part:
        (part / "a").write_text("")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
