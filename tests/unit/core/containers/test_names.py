import pytest

from core.containers.listing import IMAGE_SUFFIXES
from core.containers.names import is_image_name, is_system_name, suffix_of


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
