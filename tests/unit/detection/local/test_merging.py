from pathlib import Path

import pytest

from core.catalog import DEMO
from core.errors import InvalidResults
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.jobs import utc_now
from core.results.format import Detection, ImageResult, encode_image, failed
from core.results.reader import open_results
from core.results.writer import build_info
from detection.local.earlier import files_path
from detection.local.journal import Journal, Plan
from detection.local.merging import Merged, merge, merged_before
from detection.local.settings import RunSettings

SETTINGS = RunSettings(sources=(), relative_to="", model="demo", weights="", threshold=0.1)
INFO = build_info(DEMO, completed_at=utc_now(), detection_threshold=0.1)


def seen(name: str, *found: tuple[str, float]) -> bytes:
    detections = [Detection(category, conf, (0.0, 0.0, 1.0, 1.0)) for category, conf in found]
    return encode_image(ImageResult(file=name, detections=detections))


LINES = [
    seen("a.jpg", ("1", 0.9), ("1", 0.8), ("2", 0.5)),
    seen("b.jpg", ("1", 0.4)),  # not above the threshold that people start with
    seen("c.jpg"),
    encode_image(failed("d.jpg", ImageFailure(FailureCode.TRUNCATED))),
]
IMAGES = [ListedImage(name, size=5, etag="a-5", meta="m") for name in ("a.jpg", "b.jpg", "c.jpg")]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "run")
    journal.begin(SETTINGS)
    journal.forget_lists()
    journal.write_list(0, IMAGES[:2], [])
    journal.write_list(1, [IMAGES[2], ListedImage("d.jpg", kept=True)], LINES[3:])
    for index, line in ((0, LINES[0]), (0, LINES[1]), (1, LINES[2])):
        journal.add(index, line)
    return journal


PLAN = Plan(images=4, shards=2, size=0, kept=1)
COUNTED = Merged(images=4, failures={"truncated": 1}, found={"1": 1, "2": 1}, empty=2)


def test_all_shards_come_together_and_are_counted(journal: Journal, tmp_path: Path) -> None:
    output = tmp_path / "r.json"
    assert merge(journal, PLAN, output, INFO, DEMO.categories) == COUNTED
    results = open_results(output)
    assert [encode_image(image) for image in results.images()] == LINES
    assert merged_before(results, DEMO.typical_threshold) == COUNTED


def test_a_damaged_journal_leaves_the_results_as_they_were(
    journal: Journal, tmp_path: Path
) -> None:
    output = tmp_path / "r.json"
    merge(journal, PLAN, output, INFO, DEMO.categories)
    before = output.read_bytes(), files_path(output).read_bytes()
    (journal.folder / "shards/0000001.ndjson").write_bytes(b"")
    with pytest.raises(InvalidResults, match="shard 1"):
        merge(journal, PLAN, output, INFO, {})
    assert (output.read_bytes(), files_path(output).read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("r.json", "r.json.files.gz", "run")
    ]
