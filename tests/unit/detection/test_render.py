from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from core.catalog import DEMO
from core.results.format import Detection
from detection.render import colour_of, draw
from tests.pictures import exif_bytes, jpeg

NAMES = DEMO.categories
BOX = (0.25, 0.5, 0.5, 0.25)


def grey(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (127, 127, 127))


def changed(before: Image.Image, after: Image.Image) -> npt.NDArray[np.bool_]:
    """Which pixels differ, height x width."""
    differs: npt.NDArray[np.bool_] = np.any(np.asarray(before) != np.asarray(after), axis=2)
    return differs


def is_colour(image: Image.Image, colour: str) -> npt.NDArray[np.bool_]:
    wanted = tuple(bytes.fromhex(colour[1:]))
    same: npt.NDArray[np.bool_] = np.all(np.asarray(image) == wanted, axis=2)
    return same


def test_nothing_found_changes_nothing() -> None:
    image = grey(100, 80)
    assert not changed(image, draw(image, [], NAMES)).any()


def test_the_picture_itself_is_left_alone() -> None:
    image = grey(100, 80)
    drawn = draw(image, [Detection("1", 0.9, BOX)], NAMES)
    assert not changed(image, grey(100, 80)).any()
    assert changed(image, drawn).any()


@pytest.mark.parametrize("size", [(4000, 3000), (1024, 768), (160, 120)])
def test_the_box_stands_where_the_detection_is(size: tuple[int, int]) -> None:
    drawn = draw(grey(*size), [Detection("1", 0.9, BOX)], NAMES)
    rows, columns = np.nonzero(is_colour(drawn, colour_of("1")))
    width, height = size
    assert columns.min() == pytest.approx(0.25 * width, abs=1)
    assert rows.max() == pytest.approx(0.75 * height, abs=1)
    right = is_colour(drawn, colour_of("1"))[int(0.7 * height)].nonzero()[0].max()
    assert right == pytest.approx(0.75 * width, abs=1)
    middle = np.asarray(drawn)[int(0.65 * height), int(0.5 * width)]
    assert middle.tolist() == [127, 127, 127]


def test_lines_and_labels_grow_with_the_picture() -> None:
    shares = []
    for side in (500, 4000):
        image = grey(side, side)
        drawn = draw(image, [Detection("1", 0.9, (0.4, 0.5, 0.2, 0.2))], NAMES)
        shares.append(changed(image, drawn).mean())
    assert shares[0] == pytest.approx(shares[1], rel=0.25)


def test_each_category_has_its_colour() -> None:
    assert len({colour_of(category) for category in NAMES}) == 3
    assert colour_of("1") == colour_of("1")
    assert colour_of("frog").startswith("#")


@pytest.mark.parametrize("size", [(640, 480), (160, 120), (60, 40)])
@pytest.mark.parametrize(
    "box",
    [
        *((0, 0, 0.1, 0.1), (0.95, 0, 0.05, 0.1), (0, 0.95, 0.1, 0.05)),
        *((0.97, 0.97, 0.03, 0.03), (0.0, 0.0, 1.0, 1.0), (-0.2, -0.2, 1.5, 1.5)),
    ],
)
def test_labels_stay_within_the_picture(
    size: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    # A label that is cut off has fewer pixels of text than the same one in the open.
    image = grey(*size)

    def dark(where: tuple[float, float, float, float]) -> int:
        drawn = np.asarray(draw(image, [Detection("3", 0.5, where)], NAMES)).astype(int)
        return int((drawn.sum(axis=2) < 150).sum())

    assert dark((0.1, 0.6, 0.2, 0.2)) > 0
    assert dark(box) == pytest.approx(dark((0.1, 0.6, 0.2, 0.2)), rel=0.2)


def test_a_picture_of_one_pixel_can_be_drawn_on() -> None:
    assert draw(grey(1, 1), [Detection("1", 0.9, BOX)], NAMES).size == (1, 1)


def test_an_unknown_category_is_named_by_its_id() -> None:
    image = grey(200, 200)
    drawn = draw(image, [Detection("9", 0.9, BOX)], NAMES)
    assert changed(image, drawn).any()


def test_the_best_lies_on_top() -> None:
    both = [Detection("1", 0.9, BOX), Detection("2", 0.3, BOX)]
    image = grey(300, 300)
    drawn = draw(image, both, NAMES)
    assert not changed(drawn, draw(image, both[::-1], NAMES)).any()
    assert is_colour(drawn, colour_of("1")).any()
    assert is_colour(drawn, colour_of("1")).sum() > is_colour(drawn, colour_of("2")).sum()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_what_is_written_tells_no_place(file_format: str) -> None:
    exif = exif_bytes(orientation=1, taken_at="2020:01:01 00:00:00", gps={1: "N", 2: (1, 2, 3)})
    original = Image.open(BytesIO(jpeg(exif=exif)))
    original.load()
    assert original.getexif()
    written = BytesIO()
    draw(original, [], NAMES).save(written, file_format)
    again = Image.open(written)
    assert dict(again.getexif()) == {}
    assert "exif" not in again.info
    assert b"Exif" not in written.getvalue()
