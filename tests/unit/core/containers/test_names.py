import pytest

from core.containers.listing import IMAGE_SUFFIXES
from core.containers.names import add_skipped, is_image_name, is_system_name, suffix_of


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.jpg", ".jpg"),
        ("a.JPG", ".jpg"),
        ("IMG_0001.Tiff", ".tiff"),
        ("a.b/c", ""),
        ("a.jpg/notes", ""),
        ("north/.jpg", ".jpg"),
        ("clip.mp4", ".mp4"),
        ("archive.7z", ".7z"),
        ("IMG.20190704", ""),  # a date, not a suffix
        ("a.jpg ", ""),
        ("a.jpg\n", ""),
        ("a.", ""),
        ("a", ""),
        ("a.thisistoolong", ""),
        ("é.jpé", ""),
        ("a.\u0130pg", ""),  # lower() makes two characters of it
    ],
)
def test_suffix_of(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES | {".JPG", ".Png"}))
def test_takes_each_image_suffix_in_any_case(suffix: str) -> None:
    assert is_image_name(f"north/cam 1/a{suffix}")


@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "jpg", "a.jpgx", "a.jpg.bak", "a.heic"])
def test_passes_other_suffixes_over(name: str) -> None:
    assert not is_image_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "._a.jpg",
        "north/._a.jpg",
        "._north/a.jpg",
        "$RECYCLE.BIN/a.jpg",
        "disk/$Recycle.Bin/S-1-5/a.jpg",
        "System Volume Information/a.jpg",
        "north/@eaDir/a.jpg/thumb.jpg",
        ".Trashes/501/a.jpg",
        "lost+found/a.jpg",
    ],
)
def test_knows_names_of_systems(name: str) -> None:
    assert is_system_name(name)


@pytest.mark.parametrize(
    "name", ["_a.jpg", ".a.jpg", "a._b.jpg", "RECYCLE.BIN/a.jpg", "eaDir/a.jpg"]
)
def test_other_names_are_no_systems(name: str) -> None:
    assert not is_system_name(name)


def test_files_named_by_a_hash_do_not_make_a_count_each() -> None:
    total: dict[str, int] = {}
    add_skipped(total, {".txt": 3})
    for page in range(10):
        add_skipped(total, {f".a{page}{n:02d}": 1 for n in range(50)} | {".txt": 1, "": 1})
    assert len(total) == 101
    assert (total[".txt"], sum(total.values())) == (13, 523)
    assert total["other"] + total[""] > 400
