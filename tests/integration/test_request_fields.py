"""Every field of a request does what it says, from the submission to the results file."""

from typing import Any

import msgspec
import pytest
from PIL import ExifTags

from core.image_list import ListedImage
from core.results.format import encode_image
from detection.images import DecodeOptions
from detection.pipeline import PipelineOptions, run_pipeline
from tests.fixtures.system import System
from tests.hash_detector import HashDetector
from tests.integration.conftest import Pictures
from tests.pictures import exif_bytes, jpeg

pytestmark = pytest.mark.integration

GPS: dict[int, Any] = {
    ExifTags.GPS.GPSLatitudeRef: "S",
    ExifTags.GPS.GPSLatitude: (2.0, 30.0, 36.0),
    ExifTags.GPS.GPSLongitudeRef: "E",
    ExifTags.GPS.GPSLongitude: (34.0, 30.0, 0.0),
}
SOUTH = [f"south/{n:02d}.jpg" for n in range(20)]


class Fields:
    """A running system over some pictures, and what its results must be."""

    def __init__(self, system: System, pictures: Pictures) -> None:
        self.system = system
        self.pictures = pictures

    def run(self, **body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The ended job, and its results file."""
        body = {"container_url": str(self.pictures.folder), **body}
        job = self.system.wait(self.system.submit(**body))
        assert job["status"] == "completed", job
        return job, self.system.results(job["id"])

    def names(self, **body: Any) -> list[str]:
        return [image["file"] for image in self.run(**body)[1]["images"]]

    def expected(self, name: str, *, threshold: float = 0.1, **decode: Any) -> dict[str, Any]:
        """The image of a results file, computed from the picture alone."""
        options = PipelineOptions(threshold=threshold, decode=DecodeOptions(**decode))
        listed = [ListedImage(name)]
        read = self.pictures.content
        (result,) = run_pipeline(listed, lambda i: read[i.name], HashDetector(), options)
        image: dict[str, Any] = msgspec.json.decode(encode_image(result))
        return image


@pytest.fixture
def fields(system: System, pictures: Pictures) -> Fields:
    pictures.write({name: jpeg(n) for n, name in enumerate(SOUTH)})
    pictures.write({f"north/{n:02d}.jpg": jpeg(100 + n) for n in range(20)})
    whole = jpeg(50, 200, 150)
    exif = exif_bytes(orientation=6, taken_at="2019:05:04 03:02:01", gps=GPS)
    pictures.write({"z/cut.jpg": whole[: int(len(whole) * 0.7)], "z/exif.jpg": jpeg(51, exif=exif)})
    system.start_all()
    return Fields(system, pictures)


def test_each_field_does_what_it_says(fields: Fields) -> None:
    check_the_choice_of_images(fields)
    check_lists(fields)
    check_what_is_done_with_an_image(fields)
    check_what_is_only_carried(fields)


def check_the_choice_of_images(fields: Fields) -> None:
    everything = [*sorted(fields.pictures.content)]
    assert fields.names() == everything
    assert fields.names(prefix="south/") == SOUTH
    assert fields.names(prefix="south/1", strip_prefix="south/") == [
        f"{n}.jpg" for n in range(10, 20)
    ]
    assert fields.names(prefix="south/", first_n=3) == SOUTH[:3]
    chosen = {"prefix": "south/", "first_n": 10, "sample_n": 4, "sample_seed": 7}
    sample = fields.names(**chosen)
    assert sample == sorted(sample) and len(sample) == 4 and set(sample) < set(SOUTH[:10])
    assert fields.names(**chosen) == sample
    assert any(fields.names(**{**chosen, "sample_seed": seed}) != sample for seed in (8, 9, 10))
    job, results = fields.run(prefix="nowhere/")
    assert "'nowhere/'" in job["reason"] and results["images"] == []


def check_lists(fields: Fields) -> None:
    listed = [["south/05.jpg", "lake"], ["north/01.jpg", "hill"], ["south/02.jpg", ""]]
    _, results = fields.run(images=listed)
    assert [[image["file"], image["meta"]] for image in results["images"]] == listed
    backwards = SOUTH[::-1]
    # The list comes first, then the prefix, then `first_n`.
    both = {"images": ["north/07.jpg", *backwards], "prefix": "south/", "first_n": 2}
    assert fields.names(**both) == backwards[:2]
    _, results = fields.run(images=backwards, strip_prefix="south/", prefix="south/")
    assert [image["file"] for image in results["images"]] == [n[6:] for n in backwards]


def check_what_is_done_with_an_image(fields: Fields) -> None:
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("z/cut.jpg", {}, {}),
        ("z/cut.jpg", {"truncated_images": "accept"}, {"truncated_images": "accept"}),
        ("z/exif.jpg", {}, {}),
        ("z/exif.jpg", {"include": ["gps"]}, {"gps": True}),
        ("z/exif.jpg", {"preprocessing": "legacy-2019"}, {"preprocessing": "legacy-2019"}),
    ]
    found = []
    for name, body, decode in cases:
        # A neighbour that succeeds, for a job without one success has failed.
        _, results = fields.run(images=[name, SOUTH[0]], **body)
        assert results["images"][0] == fields.expected(name, **decode), body
        found.append(results["images"][0])
    assert found[0]["failure"] == "image access failure: truncated"
    assert found[1]["detections"] is not None
    assert (found[2]["width"], found[2]["height"]) == (48, 64) and "latitude" not in found[2]
    assert (found[3]["latitude"], found[3]["longitude"]) == pytest.approx((-2.51, 34.5))
    assert found[4]["detections"] != found[2]["detections"]
    for threshold in (0.0, 0.5, 0.9):
        _, results = fields.run(prefix="south/", detection_threshold=threshold)
        assert results["images"] == [fields.expected(n, threshold=threshold) for n in SOUTH]


def check_what_is_only_carried(fields: Fields) -> None:
    metadata = {"survey": "2024 north", "ünïcode": "猫"}
    job, results = fields.run(name="Lake 4", metadata=metadata, model="demo", first_n=1)
    assert (job["name"], job["model"]) == ("Lake 4", "demo")
    assert job["request"]["metadata"] == metadata
    assert results["info"]["detector"] == "demo (COCO SSDLite, not MegaDetector)"
    again = fields.system.submit(container_url=str(fields.pictures.folder), sample_n=5)
    request = fields.system.wait(again)["request"]
    repeated = fields.names(sample_n=5, sample_seed=request["sample_seed"])
    assert [image["file"] for image in fields.system.results(again)["images"]] == repeated
