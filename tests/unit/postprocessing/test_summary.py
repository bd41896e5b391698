import json
from pathlib import Path

import pytest

from core.errors import InvalidResults
from core.results.reader import open_results
from postprocessing.summary import BARS, MOST_FOLDERS, OTHERS, Summary, summarise
from postprocessing.thresholds import Threshold
from tests.results_files import detection, failure, image, write_results

ABOVE = Threshold(0.5, "given")


@pytest.fixture
def counted(tmp_path: Path) -> Summary:
    results = write_results(
        tmp_path / "results.json",
        image("a/1.jpg", detection("1", 0.9), detection("1", 0.6), datetime="2026-05-02 06:11:54"),
        image(
            "a/b/2.jpg", detection("1", 0.5), detection("2", 1.0), datetime="2025-01-01 00:00:00"
        ),
        image("c\\3.jpg", detection("3", -0.9), detection("3", 0.0)),
        image("4.jpg"),
        failure("a/5.jpg"),
        failure("c/6.jpg", "corrupt"),
    )
    return summarise(results, ABOVE)


def test_all_images_are_counted_once(counted: Summary) -> None:
    total = counted.total
    assert (total.images, total.empty, total.failed) == (6, 2, 2)
    assert total.found == {"animal": 1, "person": 1}
    assert counted.detections == {"animal": 2, "person": 1}
    assert counted.failures == {"truncated": 1, "corrupt": 1}


def test_folders_add_up(counted: Summary) -> None:
    images = {folder: count.images for folder, count in counted.folders.items()}
    assert images == {"a": 3, "c": 2, "": 1}
    assert counted.folders["a"].failed == 1
    assert counted.folders["c"].empty == 1


def test_confidences_fall_into_bars(counted: Summary) -> None:
    bars = counted.histogram
    assert (bars["animal"][18], bars["animal"][12], bars["animal"][10]) == (1, 1, 1)
    assert bars["person"][BARS - 1] == 1
    assert bars["vehicle"][0] == 1
    assert counted.struck_out == 1


def test_times_are_the_first_and_the_last(counted: Summary) -> None:
    assert (counted.first, counted.last) == ("2025-01-01 00:00:00", "2026-05-02 06:11:54")


def test_depth_counts_by_more_folders(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", image("a/b/c/1.jpg"), image("a/x.jpg"))
    assert summarise(results, ABOVE, 2).folders.keys() == {"a/b", "a"}


def test_of_very_many_folders_the_last_are_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_FOLDERS > 1000
    monkeypatch.setattr("postprocessing.summary.MOST_FOLDERS", 2)
    results = write_results(tmp_path / "r.json", *(image(f"{n}/1.jpg") for n in range(5)))
    images = {name: one.images for name, one in summarise(results, ABOVE).folders.items()}
    assert images == {"0": 1, "1": 1, OTHERS: 3}


@pytest.mark.parametrize("version", [1.0, "1.1", "1.4"])
def test_every_version_and_layout_is_read(tmp_path: Path, version: object) -> None:
    path = tmp_path / "r.json"
    write_results(path, image("a.jpg", detection()), info={"format_version": version})
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
    assert summarise(open_results(path), ABOVE).total.images == 1


def test_a_line_that_is_no_image_is_named(tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", image("a.jpg"), {"file": "b.jpg"})
    with pytest.raises(InvalidResults, match="/images/1"):
        summarise(results, ABOVE)
