"""Real photographs through real processes: each seen as it is, beside what is no picture at all."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
from PIL import Image

from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.odd.pictures import STORED
from tests.pictures import encoded, exif_bytes, jpeg

pytestmark = pytest.mark.integration

PHOTOGRAPHS = Path(skimage.__file__).parent / "data"
ANIMAL, PERSON, VEHICLE = "1", "2", "3"
SHOWN = {
    "astronaut.png": PERSON,
    "chelsea.png": ANIMAL,
    "coffee.png": None,
    "grass.png": None,
    "motorcycle_left.png": VEHICLE,
}


def photograph(name: str) -> Image.Image:
    return Image.open(BytesIO((PHOTOGRAPHS / name).read_bytes())).convert("RGB")


def of_250_megapixels() -> bytes:
    """A small JPEG whose header promises 25,000 x 10,000 pixels."""
    data = bytearray(jpeg())
    size = data.index(b"\xff\xc0") + 5  # height, then width; source: JPEG (T.81), B.2.2
    data[size : size + 4] = (10_000).to_bytes(2, "big") + (25_000).to_bytes(2, "big")
    return bytes(data)


def bad_pictures() -> dict[str, tuple[bytes, str]]:
    """Files that hold no picture that can be read, each with the code that tells why."""
    whole = encoded(photograph("chelsea.png"), "JPEG", quality=90)
    return {
        "cut.jpg": (whole[: len(whole) // 2], "truncated"),
        "huge.jpg": (of_250_megapixels(), "image_too_large"),
        "nothing.jpg": (b"", "empty_file"),
        "words.jpg": (b"Camera 4 was stolen in May.\n", "not_an_image"),
    }


def odd_pictures() -> dict[str, bytes]:
    """The photograph of a cat in each layout that few programs expect."""
    cat, other = photograph("chelsea.png"), photograph("astronaut.png").resize((451, 300))
    grey = np.asarray(cat.convert("L")).astype(np.uint16) * 257
    return {
        "16-bit.png": encoded(grey, "PNG"),
        "animated.gif": encoded(cat, "GIF", save_all=True, append_images=[other]),
        "animated.png": encoded(cat, "PNG", save_all=True, append_images=[other]),
        "cmyk.jpg": encoded(cat.convert("CMYK"), "JPEG", quality=95),
        "palette.png": encoded(cat.quantize(256), "PNG"),
    }


def turned_pictures() -> dict[str, bytes]:
    """The same cat as eight cameras store it, held eight ways; without loss."""
    cat = photograph("chelsea.png")
    turned = {n: cat if how is None else cat.transpose(how) for n, how in STORED.items()}
    return {
        f"turned/{n}.png": encoded(image, "PNG", exif=exif_bytes(orientation=n))
        for n, image in turned.items()
    }


def test_real_photographs_are_seen_beside_bad_ones(
    system: System, pictures: Pictures, demo_model: Path
) -> None:
    bad = bad_pictures()
    pictures.write({name: (PHOTOGRAPHS / name).read_bytes() for name in SHOWN})
    pictures.write({name: data for name, (data, _) in bad.items()})
    pictures.write(odd_pictures() | turned_pictures())
    system.environment["MEGABATCH_MODEL_FOLDER"] = str(demo_model.parent)
    system.start_control()
    system.start_detection("one")
    system.start_api()
    job = system.wait(system.submit(container_url=str(pictures.folder), detection_threshold=0.4))
    assert (job["status"], job["progress"]["images_failed"]) == ("completed", len(bad))
    images = system.results(job["id"])["images"]
    assert [image["file"] for image in images] == sorted(pictures.content)
    found = {image["file"]: image for image in images}
    for name, (_, code) in bad.items():
        assert found[name]["failure"] == f"image access failure: {code}"
        assert found[name]["detections"] is None
    for name, category in SHOWN.items():
        assert categories(found[name]) == ({category} if category else set()), name
    for name in odd_pictures():
        assert categories(found[name]) == {ANIMAL}, name
    upright = (found["chelsea.png"]["detections"], 451, 300)
    for name in ("animated.png", *turned_pictures()):
        image = found[name]
        assert (image["detections"], image["width"], image["height"]) == upright, name


def categories(image: dict[str, Any]) -> set[str]:
    return {detection["category"] for detection in image["detections"]}
