"""The public package `megadetector` finds the same in the same pictures (docs/peers.md)."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.containers.folder import LocalFolder
from core.containers.listing import IMAGE_SUFFIXES
from core.results.format import Detection, ImageResult
from detection.detector import Detector
from detection.pipeline import PipelineOptions, run_pipeline
from tests.fixtures.peer import ROOT
from tests.integration.peer import COMPARED, LISTED, differences, run_peer
from tests.integration.test_photographs import PHOTOGRAPHS, STORED, photograph
from tests.pictures import encoded, exif_bytes

pytestmark = pytest.mark.integration

#: Those that pictures are made of.
COLOURED = (
    *("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png"),
    *("motorcycle_left.png", "motorcycle_right.png", "retina.jpg", "rocket.jpg"),
)
#: Camera-trap pictures, where this machine has them.
CAMERA_TRAPS = ROOT.parent / "shared/data/images"
MADE = 210
#: Orientations that the peer heeds, in pictures in colour. It leaves mirrored ones as they are
#: stored, and turned ones that are grey or have transparency.
HEEDED, MIRRORED = (1, 3, 6, 8), (2, 4, 5, 7)
UNHEEDED = [*(("RGB", n) for n in MIRRORED), ("L", 3), ("RGBA", 6)]
#: Pictures that one side refuses: which, and why.
REFUSED = {
    "african_elephants_cmyk.jpg": {"peer"},  # reads RGB, RGBA and grey alone
    "african_elephants_truncated_file.jpg": {"ours"},  # the peer pads what is missing
    "multipage_rgb.tif": {"ours", "peer"},  # Pillow knows no such TIFF
    "no_time_for_that_tiny.gif": {"peer"},  # a palette, as in each GIF
}


def made_pictures(count: int) -> dict[str, bytes]:
    """Parts of the photographs in colour, in many sizes, formats and orientations."""
    rng = np.random.default_rng(2019)
    photos = [photograph(name) for name in COLOURED]
    return dict(made(n, photos[n % len(photos)], rng) for n in range(count))


def made(n: int, photo: Image.Image, rng: np.random.Generator) -> tuple[str, bytes]:
    part = np.asarray(rng.uniform(0.4, 1, 2) * photo.size, dtype=int)
    left, top = rng.integers(0, np.asarray(photo.size) - part + 1)
    picture = photo.crop((left, top, left + part[0], top + part[1]))
    scale = rng.integers(100, 1000) / max(picture.size)
    picture = picture.resize([max(1, round(side * scale)) for side in picture.size])
    kind = ("JPEG", "JPEG", "JPEG", "PNG", "WEBP", "BMP", "TIFF")[rng.integers(7)]
    return f"made/{n:03d}.{kind.lower()}", stored(picture, kind, rng)


def stored(picture: Image.Image, kind: str, rng: np.random.Generator) -> bytes:
    """The picture in a file; as JPEG turned and compressed in one of the ways that cameras do."""
    if kind != "JPEG":
        return encoded(picture, kind)
    orientation = HEEDED[rng.integers(len(HEEDED))]
    turn = STORED[orientation]
    return encoded(
        picture if turn is None else picture.transpose(turn),
        kind,
        quality=int(rng.integers(50, 96)),
        subsampling=int(rng.integers(3)),
        progressive=bool(rng.integers(2)),
        exif=exif_bytes(orientation=orientation),
    )


def unheeded_pictures() -> dict[str, bytes]:
    """A cat whose orientation the peer does not heed, each beside the same without orientation."""
    cat, written = photograph("chelsea.png"), {}
    for mode, n in UNHEEDED:
        turn = STORED[n]
        picture = (cat if turn is None else cat.transpose(turn)).convert(mode)
        written[f"unheeded/{mode}-{n}.png"] = encoded(
            picture, "PNG", exif=exif_bytes(orientation=n)
        )
        written[f"plain/{mode}-{n}.png"] = encoded(picture, "PNG")
    return written


def photographs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.*") if path.suffix.lower() in IMAGE_SUFFIXES)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with all of the pictures."""
    folder = tmp_path / "pictures"
    for name, data in (made_pictures(MADE) | unheeded_pictures()).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for path in [*photographs(PHOTOGRAPHS), *photographs(CAMERA_TRAPS)]:
        shutil.copy(path, folder)
    return folder


def our_results(folder: Path, detector: Detector) -> list[ImageResult]:
    container = LocalFolder(folder)
    images = [image for page in container.pages() for image in page.images]
    options = PipelineOptions(threshold=LISTED)
    return list(run_pipeline(images, container.read, detector, options))


def refused(ours: ImageResult, theirs: ImageResult) -> set[str]:
    sides = {"ours": ours, "peer": theirs}
    return {side for side, result in sides.items() if result.detections is None}


def compared(sides: Mapping[str, tuple[ImageResult, ImageResult]]) -> dict[str, list[Detection]]:
    """What has no partner on the other side, by picture; pictures of which all has left out."""
    alone = {name: differences(*map(found, results)) for name, results in sides.items()}
    return {name: detections for name, detections in alone.items() if detections}


def found(image: ImageResult) -> Sequence[Detection]:
    return image.detections or ()


@pytest.mark.timeout(400)  # the first time the peer is fetched
def test_the_peer_finds_the_same(
    peer: Path, demo_model: Path, demo_detector: Detector, pictures: Path, tmp_path: Path
) -> None:
    found_there = run_peer(peer, demo_model, pictures, tmp_path / "peer.json")
    theirs = {image.file: image for image in found_there}
    ours = {image.file: image for image in our_results(pictures, demo_detector)}
    assert ours.keys() == theirs.keys()
    refusing = {name: refused(ours[name], theirs[name]) for name in ours}
    expected = {name: who for name, who in REFUSED.items() if name in ours}
    assert {name: who for name, who in refusing.items() if who} == expected
    sides = {name: (ours[name], theirs[name]) for name in ours.keys() - expected.keys()}
    unheeded = {name for name in sides if name.startswith("unheeded/")}
    assert compared(sides).keys() == unheeded
    as_stored = {name: name.replace("unheeded", "plain") for name in unheeded}
    assert (
        compared({name: (theirs[plain], theirs[name]) for name, plain in as_stored.items()}) == {}
    )
    assert sum(one.conf >= COMPARED for image in ours.values() for one in found(image)) > 10 * MADE


SEEN = Detection("1", 0.5, (0.1, 0.2, 0.3, 0.4))


@pytest.mark.parametrize(
    ("other", "alone"),
    [
        (Detection("1", 0.499, (0.0989, 0.2011, 0.3, 0.4)), 0),
        (Detection("1", 0.4988, SEEN.bbox), 2),
        (Detection("1", 0.5, (0.1, 0.2, 0.3012, 0.4)), 2),
        (Detection("2", 0.5, SEEN.bbox), 2),
    ],
    ids=["within", "conf", "bbox", "category"],
)
def test_a_difference_is_seen(other: Detection, alone: int) -> None:
    assert len(differences([SEEN], [other])) == alone


def test_each_detection_has_a_partner_of_its_own() -> None:
    assert differences([SEEN, SEEN], [SEEN]) == [SEEN]
    assert differences([SEEN], [SEEN, SEEN]) == [SEEN]


def test_a_partner_may_be_just_below_what_is_compared() -> None:
    low = Detection("1", 0.009, SEEN.bbox)
    assert differences([Detection("1", 0.01, SEEN.bbox)], [low]) == []
    assert differences([low], []) == []
