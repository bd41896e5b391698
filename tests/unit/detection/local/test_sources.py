import os
from pathlib import Path

import pytest

from core.errors import ContainerError, InvalidRequest, StorageTrouble
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from detection.local.places import PlaceReader
from detection.local.sources import Skipped, Sources

SIGNED = "https://x.blob.core.windows.net/c/a.jpg?sv=1&sig=secret"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("photos/b/2.JPG", "photos/a/1.jpg", "photos/notes.txt", "photos/a/clip.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/3.png").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def listed(*named: str, relative_to: Path | None = None) -> list[str]:
    return [one.name for one in Sources(named, relative_to).images(Skipped())]


@pytest.mark.parametrize(
    ("named", "names"),
    [
        (["photos"], ["a/1.jpg", "b/2.JPG"]),
        (["photos/a/1.jpg"], ["1.jpg"]),
        (["photos/notes.txt"], []),
        (["photos/a", "photos/b"], ["a/1.jpg", "b/2.JPG"]),
        (["photos/a/1.jpg", "other/3.png"], ["photos/a/1.jpg", "other/3.png"]),
        (["other/3.png", "photos"], ["photos/a/1.jpg", "photos/b/2.JPG", "other/3.png"]),
        (["photos", "photos/a", "photos/a/1.jpg"], ["a/1.jpg", "b/2.JPG"]),
        (["photos/*/*.jpg"], ["1.jpg"]),
    ],
)
def test_names_are_relative_to_what_was_named(
    photos: Path, named: list[str], names: list[str]
) -> None:
    (photos / "notes.txt").write_text("")
    assert listed(*named) == names


def test_a_folder_that_is_gone_does_not_become_an_image(photos: Path) -> None:
    sources = Sources(["photos"])
    photos.rename(photos.with_name("unplugged"))
    with pytest.raises((ContainerError, StorageTrouble), match="photos"):
        list(sources.images(Skipped()))


def test_names_lead_back_to_their_files(photos: Path) -> None:
    sources = Sources(["photos", "other/3.png"])
    for image in sources.images(Skipped()):
        assert Path(sources.place_of(image.name)).is_file()
        assert sources.listed(image.name, None) == image


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        ("photos/a/1.jpg\nphotos/a/x/2.jpg\nphotos/a/3.jpg", ["photos/a"]),
        ("photos/a/1.jpg\nphotos/ab/2.jpg\nhttps://x/a.jpg", ["photos"]),
        ("photos/a/1.jpg\n/2.jpg", ["/"]),
        ("https://x/a.jpg", []),
    ],
)
def test_the_folder_that_holds_a_list_s_images_must_be_there(
    photos: Path, text: str, folders: list[str]
) -> None:
    Path("list.txt").write_text(text)
    expected = [os.path.abspath(folder) for folder in folders]
    assert list(Sources(["list.txt"]).must_be_there) == expected
    both = Sources(["list.txt", "photos/a"]).must_be_there
    assert list(both) == [str(photos / "a"), *expected]


def test_names_can_be_relative_to_another_folder(photos: Path) -> None:
    assert listed("photos/a", relative_to=photos.parent) == ["photos/a/1.jpg"]
    assert listed("photos/a", relative_to=photos / "b") == [f"{photos}/a/1.jpg"]


def test_what_is_passed_over_is_counted(photos: Path) -> None:
    skipped = Skipped()
    names = [one.name for one in Sources(["photos", "photos/a/1.jpg"]).images(skipped)]
    assert names == ["a/1.jpg", "b/2.JPG"]
    assert skipped == Skipped(by_suffix={".txt": 1, ".mp4": 1}, duplicates=1)


def test_pictures_of_ours_are_left_out(photos: Path) -> None:
    (photos / "boxes").mkdir()
    (photos / "boxes/1.jpg").touch()
    (photos / "boxes2.jpg").touch()
    images = Sources(["photos"]).images(Skipped(), [Path("photos/boxes")])
    assert [one.name for one in images] == ["a/1.jpg", "b/2.JPG", "boxes2.jpg"]


def test_other_suffixes_can_be_asked_for(photos: Path) -> None:
    sources = Sources(["photos"], suffixes=frozenset({".mp4"}))
    assert [one.name for one in sources.images(Skipped())] == ["a/clip.mp4"]


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        (
            "list.txt",
            "photos/a/1.jpg\r\n\nphotos/none.jpg\n",
            ["photos/a/1.jpg", "photos/none.jpg"],
        ),
        ("list.txt", "photos/../photos/a/1.jpg\nphotos/a/1.jpg", ["photos/a/1.jpg"]),
        ("list.json", '["photos/b/2.JPG"]', ["photos/b/2.JPG"]),
        ("deep/list.txt", "../photos/a/1.jpg", ["{root}/photos/a/1.jpg"]),
        ("list.txt", "{root}/photos/a/1.jpg", ["photos/a/1.jpg"]),
        ("list.txt", "/elsewhere/x.jpg", ["/elsewhere/x.jpg"]),
    ],
)
def test_paths_of_a_list_start_from_its_folder(
    photos: Path, file: str, text: str, names: list[str]
) -> None:
    root = photos.parent
    (root / file).parent.mkdir(exist_ok=True)
    (root / file).write_text(text.replace("{root}", str(root)))
    assert listed(file) == [name.replace("{root}", str(root)) for name in names]


def test_texts_of_a_list_go_along(photos: Path) -> None:
    Path("list.json").write_text('[["photos/a/1.jpg", "north"]]')
    (image,) = Sources(["list.json"]).images(Skipped())
    assert (image.meta, image.size) == ("north", len("photos/a/1.jpg"))


def test_a_secret_stands_in_no_name_and_is_known_again(photos: Path) -> None:
    sources = Sources([SIGNED])
    (image,) = sources.images(Skipped())
    assert "secret" not in image.name
    assert "secret" not in "".join(sources.described)
    fresh = Sources([SIGNED])
    fresh.learn_urls()
    assert fresh.place_of(image.name) == sources.place_of(image.name) == SIGNED


def test_a_name_that_no_file_can_have_leads_to_none(photos: Path) -> None:
    Path("list.json").write_text('["a\\u0000b.jpg"]')
    sources = Sources(["list.json"])
    (image,) = sources.images(Skipped())
    assert PlaceReader(()).read(sources.place_of(image.name)) == ImageFailure(FailureCode.NOT_FOUND)
    assert sources.listed(image.name, None) == image


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("none.jpg", "no image, folder or list 'none.jpg'"),
        ("none/*.jpg", "no image, folder or list"),
        ("ftp://host/a.jpg", "ftp:// is not read"),
    ],
)
def test_what_is_not_there_is_told(photos: Path, named: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        Sources([named])


def test_names_that_are_not_utf_8_lead_back(photos: Path) -> None:
    name = b"Gr\xf6\xdfe.jpg"
    Path(os.fsdecode(os.path.join(os.fsencode(photos), name))).write_bytes(b"x")
    sources = Sources(["photos"])
    image = next(one for one in sources.images(Skipped()) if one.name.startswith("Gr"))
    assert image == ListedImage("Gr\\xf6\\xdfe.jpg", size=1, etag=image.etag)
    assert Path(sources.place_of(image.name)).read_bytes() == b"x"
