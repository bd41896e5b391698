import math
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from core.catalog import DEMO
from core.results.format import Detection
from detection.render import blur, colour_of, draw, pixel_box
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


EDGES = [
    *((0, 0, 0, 0), (1, 1, 0, 0), (0.5, 0.5, 0, 0.2), (1.5, 1.5, 0.2, 0.2), (0, 0, 1, 1)),
    *((-3, -3, 9, 9), (0.5, 0.5, -0.2, -0.2), (math.nan, 0, math.inf, 1), (0.999, 0, 0.001, 1)),
]


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (16, 16), (640, 480), (3200, 200)])
@pytest.mark.parametrize("box", EDGES)
def test_whatever_a_detection_says_can_be_drawn_and_blurred(
    size: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    odd = [
        *(Detection("1", -0.9, box), Detection("9", 0.0, box), Detection("", 1.0, box)),
        *(Detection("\udcff²", 0.5, box), Detection("long", math.nan, box)),
    ]
    names = {**NAMES, "": "two\nlines\udcff\0", "long": "a name of very many letters " * 20}
    assert draw(blur(grey(*size), odd), odd, names).size == size
    left, top, right, bottom = pixel_box(odd[0], size)
    assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]


@pytest.mark.parametrize("colour", ["black", "white", *(colour_of(str(n)) for n in range(1, 8))])
@pytest.mark.parametrize("category", [str(number) for number in range(1, 8)])
def test_boxes_and_text_stand_out_from_any_ground(colour: str, category: str) -> None:
    drawn = draw(
        Image.new("RGB", (400, 300), colour), [Detection(category, 0.9, BOX)], {category: "animal"}
    )
    light = np.asarray(drawn.convert("L")).astype(int)
    frame = light[190:210, 95:125]  # crosses the left side of the box
    assert frame.max() - frame.min() > 25
    plate = light[130:150, 104:150]  # within the label
    assert plate.max() - plate.min() > 100


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (20000, 200), (300, 9000), (100, 75)])
def test_text_can_be_read_on_pictures_of_any_shape(width: int, height: int) -> None:
    drawn = draw(grey(width, height), [Detection("1", 0.9, (0.3, 0.5, 0.2, 0.2))], NAMES)
    rows = np.nonzero((np.asarray(drawn) < 50).all(axis=2))[0]
    tall = rows.max() - rows.min()
    assert tall >= max(7, min(width, height) / 40)
    assert tall < 0.15 * min(width, height)


def test_a_label_stands_on_one_line() -> None:
    found = [Detection("1", 0.9, BOX)]
    one, two = (draw(grey(400, 300), found, {"1": name}) for name in ("red deer", "red\ndeer"))
    assert not changed(one, two).any()


def test_a_narrow_picture_has_the_name_alone_and_the_narrowest_no_text() -> None:
    texts = []
    for width in (200, 60, 6):
        drawn = draw(grey(width, 60), [Detection("1", 0.9, (0, 0.5, 0.3, 0.3))], NAMES)
        columns = np.nonzero((np.asarray(drawn) == 0).all(axis=2))[1]
        texts.append(columns.max() - columns.min() if columns.size else 0)
    assert texts[0] > texts[1] + 10 > 30
    assert texts[2] == 0


def test_what_a_small_box_is_around_can_be_seen() -> None:
    image = grey(4000, 3000)
    drawn = draw(image, [Detection("1", 0.9, (0.5, 0.5, 0.003, 0.004))], NAMES)
    seen = ~changed(image, drawn)[1500:1512, 2000:2012]
    assert seen.all()


def test_labels_at_the_same_place_are_all_seen() -> None:
    same = [Detection(str(number), 0.9 - number / 10, (0.4, 0.4, 0.2, 0.2)) for number in range(6)]
    names = {str(number): "animal" for number in range(6)}
    alone = is_colour(draw(grey(800, 600), same[:1], names), colour_of("0"))
    label = alone[:, :].sum(axis=1).max()
    drawn = draw(grey(800, 600), same, names)
    for one in same:
        rows = is_colour(drawn, colour_of(one.category)).sum(axis=1)
        assert rows.max() >= 0.9 * min(label, 90)


def test_a_label_hides_no_small_box_where_there_is_room_beside_it() -> None:
    above = Detection("2", 0.5, (0.42, 0.35, 0.05, 0.04))
    both = [Detection("1", 0.9, (0.4, 0.4, 0.3, 0.3)), above]
    frame = is_colour(draw(grey(800, 600), [above], {"2": "i"}), colour_of("2"))[210:230]
    seen = is_colour(draw(grey(800, 600), both, {**NAMES, "2": "i"}), colour_of("2"))[210:230]
    assert seen.sum() >= 0.9 * frame.sum()


@pytest.mark.parametrize("side", [12, 40, 150, 1000, 3000])
def test_nothing_that_could_be_a_face_is_left_of_what_is_blurred(side: int) -> None:
    rng = np.random.default_rng(side)
    # Features of every size up to an eighth of the box, such as eyes and a mouth.
    noise = [rng.integers(0, 256, (n, n), np.uint8) for n in (8, 16, 32, 64) if n <= side]
    layers = [Image.fromarray(one).resize((side, side), Image.Resampling.NEAREST) for one in noise]
    layers = layers or [Image.fromarray(rng.integers(0, 256, (side, side), np.uint8))]
    seen = np.mean([np.asarray(layer) for layer in layers], axis=0).astype(np.uint8)
    ground = Image.new("L", (2 * side, 2 * side), 127)
    ground.paste(Image.fromarray(seen), (side // 2, side // 2))
    blurred = np.asarray(blur(ground, [Detection("2", 0.9, (0.25, 0.25, 0.5, 0.5))]).convert("L"))
    within = blurred[side // 2 : side // 2 + side, side // 2 : side // 2 + side].astype(float)
    coarse = Image.fromarray(within).resize((5, 5), Image.Resampling.BOX)
    smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
    # Five patches a side say nearly all that there is to say.
    assert np.abs(within - smooth).mean() < 0.2 * np.abs(seen - smooth).mean()


def test_blurring_goes_a_little_beyond_the_detection_and_no_further() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    image = Image.fromarray(pixels)
    blurred = changed(image, blur(image, [Detection("2", 0.9, (0.25, 0.3, 0.5, 0.4))]))
    rows, columns = np.nonzero(blurred)
    assert (columns.min(), columns.max()) == (pytest.approx(80, abs=2), pytest.approx(319, abs=2))
    assert (rows.min(), rows.max()) == (pytest.approx(78, abs=2), pytest.approx(221, abs=2))
    assert not changed(image, Image.fromarray(pixels)).any()
