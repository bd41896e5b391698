import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.errors import InvalidRequest
from core.results.reader import Results, open_results
from postprocessing.saving import save_like

IMAGE = {"file": "a.jpg", "detections": [], "own": 1}
FAILED = {"file": "b.jpg", "detections": None, "failure": "image access failure: truncated"}


def results_of(tmp_path: Path, version: str, *images: dict[str, Any]) -> Results:
    path = tmp_path / "in.json"
    fields = {
        "info": {"format_version": version, "mine": "kept"},
        "detection_categories": {"1": "animal"},
        "classification_categories": {"0": "deer"},
        "images": images,
    }
    path.write_bytes(msgspec.json.encode(fields))
    return open_results(path)


def saved(results: Results, target: Path) -> dict[str, Any]:
    save_like(results, target, results.images())
    decoded: dict[str, Any] = msgspec.json.decode(target.read_bytes())
    return decoded


def test_all_that_is_not_known_is_kept(tmp_path: Path) -> None:
    results = results_of(tmp_path, "1.6", IMAGE)
    assert saved(results, tmp_path / "out.json") == msgspec.json.decode(results.path.read_bytes())


@pytest.mark.parametrize(
    ("version", "failure"),
    [
        ("1.0", {"file": "b.jpg", "failure": "Failure image access"}),
        ("1.2", {"file": "b.jpg", "failure": "Failure image access"}),
        ("1.3", {"file": "b.jpg", "detections": None, "failure": "Failure image access"}),
        ("1.6", FAILED),
    ],
)
def test_the_version_that_was_read_is_written(
    tmp_path: Path, version: str, failure: dict[str, Any]
) -> None:
    written = saved(results_of(tmp_path, version, FAILED), tmp_path / "out.json")
    assert written["info"]["format_version"] == version
    assert written["images"] == [failure]


def test_the_input_is_never_replaced(tmp_path: Path) -> None:
    results = results_of(tmp_path, "1.6", IMAGE)
    (tmp_path / "link.json").symlink_to(results.path)
    before = results.path.read_bytes()
    for target in (results.path, tmp_path / "link.json"):
        with pytest.raises(InvalidRequest, match="what is read"):
            save_like(results, target, results.images())
    assert results.path.read_bytes() == before


def test_a_file_that_cannot_be_finished_does_not_appear(tmp_path: Path) -> None:
    results = results_of(tmp_path, "1.6", {"file": "a.jpg"})  # neither detections nor a failure
    (tmp_path / "out.json").write_text("old")
    with pytest.raises(Exception, match="detections"):
        save_like(results, tmp_path / "out.json", results.images())
    assert (tmp_path / "out.json").read_text() == "old"
    assert set(os.listdir(tmp_path)) == {
        "in.json",
        "out.json",
    }
