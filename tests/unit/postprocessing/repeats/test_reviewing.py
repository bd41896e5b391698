import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from core.errors import InvalidRequest
from core.results.reader import Results
from postprocessing.repeats.index import members_of, read_index
from postprocessing.repeats.reviewing import Reviewed, write_review
from tests.hostile_names import HOSTILE
from tests.pictures import encoded, exif_bytes, jpeg, scene
from tests.results_files import image, write_results
from tests.unit.postprocessing.repeats.files import THREE, box, season


def reviewed(results: Results, folder: Path) -> Reviewed:
    return write_review(results, THREE, folder.parent / "photos", folder)


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def of_one(tmp_path: Path, name: str, data: bytes | None = None, **more: Any) -> Image.Image:
    """The picture that is made of an image of this name and content."""
    if data is not None:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    # Of equal boxes the surest is shown.
    images = [image(f"{name}{n}", box(conf=0.8)) for n in range(2)]
    results = write_results(tmp_path / "r.json", image(name, box(conf=0.9, **more)), *images)
    assert reviewed(results, tmp_path / "review").pictures == 1
    (path,) = pictures(tmp_path / "review")
    with Image.open(path) as picture:
        return picture.copy()


def is_shown(picture: Image.Image) -> bool:
    """Whether there is more than grey ground."""
    right = picture.crop((picture.width * 3 // 4, picture.height // 2, *picture.size))
    return len(right.convert("L").getcolors()) > 10


def test_a_review_folder(tmp_path: Path) -> None:
    results = season(tmp_path / "r.json")
    told = reviewed(results, tmp_path / "review")
    assert (told.pictures, told.detections, told.cameras) == (2, 7, 2)
    assert told.cameras_with_repeats == {"north"}
    index = read_index(tmp_path / "review")
    assert index.results.sha256 == hashlib.sha256(results.path.read_bytes()).hexdigest()
    assert [one.picture for one in index.pictures] == [
        path.name for path in pictures(tmp_path / "review")
    ]
    assert index.pictures[0].picture.startswith("00001-north-animal-4x-")
    assert (index.pictures[0].file, index.pictures[0].images) == ("north/2.jpg", 4)
    assert members_of(index.pictures[1]).tolist() == [[0, 1], [1, 1], [5, 0]]
    assert {path.suffix for path in (tmp_path / "review").iterdir()} == {".jpg", ".json", ".html"}


def test_the_same_results_give_the_same_folder(tmp_path: Path) -> None:
    results = season(tmp_path / "r.json")
    for name in ("one", "two"):
        reviewed(results, tmp_path / name)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    )
    assert one == two


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    results = season(tmp_path / "r.json")
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / ".DS_Store").touch()
    (tmp_path / "review" / "Thumbs.db").touch()
    reviewed(results, tmp_path / "review")
    before = set(os.listdir(tmp_path / "review"))
    with pytest.raises(InvalidRequest, match="holds files already"):
        reviewed(results, tmp_path / "review")
    assert set(os.listdir(tmp_path / "review")) == before


def test_nothing_recurs(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", image("1.jpg", box()))
    assert reviewed(results, tmp_path / "review").pictures == 0
    assert read_index(tmp_path / "review").pictures == []


def test_an_image_is_shown_with_its_box(tmp_path: Path) -> None:
    picture = of_one(tmp_path, "1.jpg", jpeg(width=800, height=600))
    assert is_shown(picture)
    assert picture.width > picture.height * 4 / 3 * 1.3  # with a close-up


def test_a_picture_stands_upright_and_tells_no_place(tmp_path: Path) -> None:
    exif = exif_bytes(orientation=6, gps={1: "N", 2: (1.0, 2.0, 3.0)})
    picture = of_one(tmp_path, "1.jpg", jpeg(width=900, height=300, exif=exif))
    assert picture.height == 840
    assert not picture.info.keys() & {"exif", "comment"}


@pytest.mark.parametrize(
    "data",
    [
        encoded(scene(width=300, height=200), "PNG"),
        encoded(Image.new("I;16", (300, 200)), "TIFF"),
        encoded(Image.fromarray(scene()).convert("P"), "GIF"),
        encoded(Image.fromarray(scene()).convert("CMYK"), "JPEG"),
        encoded(Image.new("RGBA", (1, 1)), "PNG"),
        encoded(scene(width=2, height=900), "PNG"),
    ],
)
def test_any_picture_is_shown(tmp_path: Path, data: bytes) -> None:
    assert of_one(tmp_path, "1.jpg", data).height > 0


@pytest.mark.parametrize("data", [None, b"", b"no picture", jpeg()[:300]])
def test_an_image_that_cannot_be_shown_is_listed(tmp_path: Path, data: bytes | None) -> None:
    assert not is_shown(of_one(tmp_path, "a/1.jpg", data))


def test_a_video_is_not_opened(tmp_path: Path) -> None:
    picture = of_one(tmp_path, "a/1.MP4", jpeg(width=800, height=600), frame_number=12)
    assert not is_shown(picture)


@pytest.mark.parametrize("name", [*HOSTILE, "{tmp}/secret.jpg", "x" * 5000])
def test_hostile_names_stay_within_both_folders(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(jpeg(width=800, height=600))
    before = set(os.listdir(tmp_path))
    picture = of_one(tmp_path, name.replace("{tmp}", str(tmp_path)))
    assert not is_shown(picture)
    assert set(os.listdir(tmp_path)) == before | {"r.json", "review"}
    assert len(os.listdir(tmp_path / "review")) == 3
    (shown,) = read_index(tmp_path / "review").pictures
    assert shown.file == name.replace("{tmp}", str(tmp_path))
    assert all(mark.isalnum() or mark in "-." for mark in shown.picture)


@pytest.mark.parametrize("name", ["{photos}/a/1.jpg", "a\\1.jpg", "a/b/../1.jpg"])
def test_names_that_lead_into_the_folder_are_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "photos/a/1.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(jpeg(width=800, height=600))
    assert is_shown(of_one(tmp_path, name.format(photos=tmp_path / "photos")))


def test_cameras_that_differ_in_case_alone_have_pictures_of_their_own(tmp_path: Path) -> None:
    images = [image(f"{camera}/{n}.jpg", box()) for n in range(3) for camera in ("cam", "CAM")]
    assert reviewed(write_results(tmp_path / "r.json", *images), tmp_path / "review").pictures == 2
    names = [path.name.casefold() for path in pictures(tmp_path / "review")]
    assert len(set(names)) == 2


def test_a_folder_that_is_not_finished_has_no_index(tmp_path: Path) -> None:
    broken = {"file": "2.jpg", "detections": [{"category": "1"}]}
    results = write_results(tmp_path / "r.json", image("1.jpg", box()), broken)
    with pytest.raises(Exception, match="conf"):
        reviewed(results, tmp_path / "review")
    with pytest.raises(InvalidRequest, match=r"no index\.json"):
        read_index(tmp_path / "review")


def test_the_index_is_json_with_a_picture_a_line(tmp_path: Path) -> None:
    reviewed(season(tmp_path / "r.json"), tmp_path / "review")
    text = (tmp_path / "review/index.json").read_bytes()
    decoded = msgspec.json.decode(text)
    assert decoded["limits"]["least_images"] == 3
    lines = [line for line in text.splitlines() if line.startswith(b'{"picture"')]
    assert len(lines) == len(decoded["pictures"]) == 2
