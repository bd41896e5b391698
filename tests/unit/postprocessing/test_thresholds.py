from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.results.reader import open_results
from postprocessing.thresholds import conservative, typical


def results_of(tmp_path: Path, **info: Any) -> Any:
    path = tmp_path / "results.json"
    fields = {"info": {"format_version": "1.6", **info}, "detection_categories": {}, "images": []}
    path.write_bytes(msgspec.json.encode(fields))
    return open_results(path)


@pytest.mark.parametrize(
    ("detector", "thresholds"),
    [
        ("megadetector_v2", (0.8, 0.3)),
        ("megadetector_v3", (0.8, 0.3)),
        ("megadetector_v4.1", (0.8, 0.3)),
        ("md_v4.1.0.pb", (0.8, 0.3)),
        ("md_v5a.0.0.pt", (0.2, 0.05)),
        ("MDV5B", (0.2, 0.05)),
        ("md_v1000.0.0-redwood.pt", (0.3, 0.1)),
        ("something else", (0.2, 0.1)),
    ],
)
def test_a_detector_is_known_by_its_name(
    tmp_path: Path, detector: str, thresholds: tuple[float, float]
) -> None:
    results = results_of(tmp_path, detector=detector)
    assert (typical(results).value, conservative(results).value) == thresholds
    assert detector in typical(results).reason


def test_of_several_detectors_the_lowest_threshold_misses_nothing(tmp_path: Path) -> None:
    found = typical(results_of(tmp_path, detector="md_v5a.0.1.pt and md_v4.1.0.pb"))
    assert (found.value, "lowest of several" in found.reason) == (0.2, True)
    found = typical(results_of(tmp_path, detector="md_v4.1.0.pb and mine"))
    assert found.value == 0.2
    found = conservative(results_of(tmp_path, detector="md_v5a and md_v5b"))
    assert (found.value, found.reason) == (0.05, "conservative of md_v5a and md_v5b")


def test_what_the_file_tells_goes_before_the_name(tmp_path: Path) -> None:
    told = {"typical_detection_threshold": 0.4, "conservative_detection_threshold": 0.2}
    results = results_of(tmp_path, detector="md_v5a", detector_metadata=told)
    assert (typical(results).value, conservative(results).value) == (0.4, 0.2)


def test_what_is_given_goes_before_all(tmp_path: Path) -> None:
    assert str(typical(results_of(tmp_path, detector="md_v5a"), 0.33)) == "0.33 (given)"


def test_a_file_that_names_no_detector_is_of_version_4(tmp_path: Path) -> None:
    threshold = typical(results_of(tmp_path))
    assert threshold.value == 0.8
    assert "names no detector" in threshold.reason
