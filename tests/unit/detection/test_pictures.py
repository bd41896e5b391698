import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from core.catalog import ANIMAL, DEMO, PERSON
from core.failures import FailureCode, ImageFailure
from core.results.format import BBox, Detection, ImageResult, failed
from detection.pictures import PictureOptions, PictureWriter
from detection.render import colour_of
from tests.hostile_names import HOSTILE
from tests.pictures import encoded, exif_bytes, jpeg

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 0.5, 1.0)
WIDTH, HEIGHT = 320, 240
PHOTOGRAPH = jpeg(width=WIDTH, height=HEIGHT)


def writer(
    folder: Path, *, threshold: float = 0.4, blur: str = "", render: bool = True, crop: bool = True
) -> PictureWriter:
    options = PictureOptions(
        render=folder / "render" if render else None,
        crop=folder / "crop" if crop else None,
        threshold=threshold,
        blur=frozenset(blur),
    )
    return PictureWriter(options, DEMO.categories)


def found(*detections: Detection, file: str = "a.jpg") -> ImageResult:
    return ImageResult(file=file, detections=list(detections))


def animal(conf: float, bbox: BBox = (0.25, 0.25, 0.5, 0.5)) -> Detection:
    return Detection(ANIMAL, conf, bbox)


def written(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def opened(path: Path) -> Image.Image:
    return Image.open(BytesIO(path.read_bytes()))


def pixels(picture: Path | bytes) -> npt.NDArray[np.int_]:
    data = picture if isinstance(picture, bytes) else picture.read_bytes()
    return np.asarray(Image.open(BytesIO(data)).convert("RGB")).astype(int)


def noise() -> bytes:
    """Black and white points: what is blurred becomes grey."""
    points = np.random.default_rng(1).integers(0, 2, (240, 320, 1), np.uint8) * 255
    return encoded(points.repeat(3, axis=2), "PNG")


def test_pictures_and_crops_keep_names_and_folders(tmp_path: Path) -> None:
    result = found(animal(0.9), Detection(PERSON, 0.5, LEFT), file="site 1/100RECNX/IMG_0001.JPG")
    paths = writer(tmp_path).write(result, PHOTOGRAPH)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "render/site 1/100RECNX/IMG_0001.JPG",
        "crop/site 1/100RECNX/IMG_0001~00-animal.JPG",
        "crop/site 1/100RECNX/IMG_0001~01-person.JPG",
    ]
    assert sorted(paths) == sorted(tmp_path / name for name in written(tmp_path))
    sizes = [opened(path).size for path in paths]
    assert sizes == [(320, 240), (160, 120), (160, 240)]
    assert np.abs(pixels(paths[1]) - pixels(PHOTOGRAPH)[60:180, 80:240]).mean() < 4


def test_boxes_are_drawn_strictly_above_the_threshold(tmp_path: Path) -> None:
    result = found(animal(0.41), animal(0.4), animal(-0.9))
    paths = writer(tmp_path).write(result, encoded(Image.new("RGB", (320, 240), "grey")))
    assert [path.name for path in paths] == ["a.jpg", "a~00-animal.jpg"]
    wanted = bytes.fromhex(colour_of(ANIMAL)[1:])
    assert np.abs(pixels(paths[0])[61, 160] - list(wanted)).max() < 30


def test_a_picture_without_detections_is_drawn_and_has_no_crops(tmp_path: Path) -> None:
    (path,) = writer(tmp_path).write(found(), PHOTOGRAPH)
    assert np.abs(pixels(path) - pixels(PHOTOGRAPH)).mean() < 2


@pytest.mark.parametrize("data", [b"", b"no picture", PHOTOGRAPH[:30]])
def test_what_cannot_be_decoded_has_no_picture(tmp_path: Path, data: bytes) -> None:
    assert writer(tmp_path).write(found(animal(0.9)), data) == []
    assert written(tmp_path) == []


def test_a_failed_image_has_no_picture(tmp_path: Path) -> None:
    result = failed("a.jpg", ImageFailure(FailureCode.TRUNCATED))
    assert writer(tmp_path).write(result, PHOTOGRAPH) == []


def test_what_was_padded_can_be_drawn(tmp_path: Path) -> None:
    data = jpeg(width=640, height=480, quality=95)
    paths = writer(tmp_path).write(found(animal(0.9)), data[: len(data) // 2])
    assert [opened(path).size for path in paths] == [(640, 480), (320, 240)]


@pytest.mark.parametrize(
    ("name", "file_format", "picture", "becomes"),
    [
        ("a.png", "PNG", "a.png", "PNG"),
        ("a.tif", "TIFF", "a.tif.jpg", "JPEG"),
        ("a.jpeg", "WEBP", "a.jpeg", "JPEG"),
    ],
)
def test_a_picture_is_what_its_name_says(
    tmp_path: Path, name: str, file_format: str, picture: str, becomes: str
) -> None:
    data = encoded(Image.new("RGB", (40, 30)), file_format)
    for path in writer(tmp_path).write(found(animal(0.9), file=name), data):
        assert opened(path).format == becomes
    assert picture in written(tmp_path / "render")


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_what_is_written_is_upright_and_tells_no_place(tmp_path: Path, name: str) -> None:
    exif = exif_bytes(orientation=6, taken_at="2020:01:01 00:00:00", gps={1: "N", 2: (1, 2, 3)})
    paths = writer(tmp_path).write(
        found(animal(0.9, (0, 0, 1, 1)), file=name), jpeg(width=320, height=240, exif=exif)
    )
    for path in paths:
        image = opened(path)
        assert image.size == (240, 320)
        assert dict(image.getexif()) == {}
        assert b"Exif" not in path.read_bytes() and b"2020" not in path.read_bytes()


def test_people_are_blurred_in_the_picture_and_in_every_crop(tmp_path: Path) -> None:
    whole, person = animal(0.9, (0, 0, 1, 1)), Detection(PERSON, 0.8, RIGHT)
    paths = writer(tmp_path, blur=PERSON).write(found(whole, person, file="a.png"), noise())
    picture, crop, of_person = (pixels(path) for path in paths)
    for seen in (picture[20:220, 170:310], crop[20:220, 170:310], of_person[10:230, 10:150]):
        assert seen.std() < 15
    for seen in (picture[100:200, 20:130], crop[100:200, 20:130]):
        assert seen.std() > 100


def test_somebody_who_was_hardly_seen_is_blurred_too(tmp_path: Path) -> None:
    for conf, blurred in ((0.21, True), (0.2, False), (-0.9, False)):
        unsure = found(Detection(PERSON, conf, RIGHT), file="a.png")
        (path,) = writer(tmp_path, blur=PERSON).write(unsure, noise())
        assert bool(pixels(path)[20:220, 170:310].std() < 15) is blurred


def test_each_kind_of_picture_can_be_had_alone(tmp_path: Path) -> None:
    result = found(animal(0.9))
    assert len(writer(tmp_path, crop=False).write(result, PHOTOGRAPH)) == 1
    assert written(tmp_path) == ["render/a.jpg"]
    assert len(writer(tmp_path, render=False).write(result, PHOTOGRAPH)) == 1
    assert writer(tmp_path, render=False, crop=False).write(result, PHOTOGRAPH) == []
    assert written(tmp_path) == ["crop/a~00-animal.jpg", "render/a.jpg"]


def test_an_odd_detection_has_a_crop_of_a_pixel_at_least(tmp_path: Path) -> None:
    boxes: list[BBox] = [(1, 1, 0, 0), (0, 0, 0, 0), (-1, 2, 0.1, 0.1), (0.5, 0.5, -0.3, 0)]
    result = found(*(Detection("9", 0.9, box) for box in boxes))
    _, *crops = writer(tmp_path).write(result, PHOTOGRAPH)
    assert [opened(path).size for path in crops] == [(1, 1)] * 4
    assert crops[0].name == "a~00-9.jpg"


def test_a_picture_too_long_for_a_jpeg_is_made_shorter(tmp_path: Path) -> None:
    data = encoded(Image.new("L", (70_000, 8)), "PNG")
    (path,) = writer(tmp_path, crop=False).write(found(file="a.bmp"), data)
    assert opened(path).size == (65_500, 8)


def test_names_that_lead_out_of_the_folder_stay_in_it(tmp_path: Path) -> None:
    for name in HOSTILE:
        (path,) = writer(tmp_path, crop=False).write(found(file=name), PHOTOGRAPH)
        assert path.resolve().is_relative_to(tmp_path / "render")
    assert len(written(tmp_path)) == len(HOSTILE)


def test_nothing_is_written_through_a_link_to_the_originals(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    pictures = writer(tmp_path, crop=False)
    (tmp_path / "render/site").symlink_to(tmp_path / "photos")
    for name in ("site/a.jpg", "site/new/a.jpg"):
        with pytest.raises(OSError, match="leads out"):
            pictures.write(found(file=name), PHOTOGRAPH)
    assert os.listdir(tmp_path / "photos") == []


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk, writing fails midway."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    pictures = writer(tmp_path, crop=False)
    (path,) = pictures.write(found(), PHOTOGRAPH)
    before = path.read_bytes()
    with files_of_at_most(1000), pytest.raises(OSError):
        pictures.write(found(animal(0.9)), PHOTOGRAPH)
    assert path.read_bytes() == before
    assert written(tmp_path) == ["render/a.jpg"]
    pictures.write(found(animal(0.9)), PHOTOGRAPH)
    assert path.read_bytes() != before


def test_a_folder_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "render").touch()
    with pytest.raises(OSError):
        writer(tmp_path)


def test_a_picture_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    pictures = writer(tmp_path, crop=False)
    (tmp_path / "render/site").touch()
    with pytest.raises(OSError):
        pictures.write(found(file="site/a.jpg"), PHOTOGRAPH)


def test_pictures_are_readable_like_other_files(tmp_path: Path) -> None:
    (path,) = writer(tmp_path, crop=False).write(found(), PHOTOGRAPH)
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
