from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from postprocessing.cells import safe_cell
from postprocessing.events import Event, camera_folder, events
from tests.results_files import detection, failure, image, write_results


def at(file: str, time: str, *found: dict[str, object]) -> dict[str, object]:
    return image(file, *found, datetime=f"2026-05-02 {time}")


def found(tmp_path: Path, *images: dict[str, object], **options: Any) -> list[Event]:
    return events(write_results(tmp_path / "r.json", *images), 0.5, **options)[0]


def test_a_gap_of_so_many_seconds_is_still_one_event(tmp_path: Path) -> None:
    images = (at("a/3.jpg", "06:02:01"), at("a/1.jpg", "06:00:00"), at("a/2.jpg", "06:01:00"))
    first, second = found(tmp_path, *images)
    assert (first.images, second.images) == (["a/1.jpg", "a/2.jpg"], ["a/3.jpg"])
    assert (first.start, first.end) == (
        datetime(2026, 5, 2, 6),
        datetime(2026, 5, 2, 6, 1),
    )
    assert len(found(tmp_path, *images, gap=61)) == 1
    assert len(found(tmp_path, *images, gap=59)) == 3


def test_each_folder_is_a_camera_or_so_many_of_them(tmp_path: Path) -> None:
    images = at("a/x/1.jpg", "06:00:00"), at("a/y/1.jpg", "06:00:01"), at("b/1.jpg", "06:00:02")
    assert [one.camera for one in found(tmp_path, *images)] == ["a/x", "a/y", "b"]
    assert [one.camera for one in found(tmp_path, *images, camera_of=camera_folder(1))] == [
        "a",
        "b",
    ]


def test_a_count_is_the_most_that_one_image_shows(tmp_path: Path) -> None:
    two = (detection("1", 0.9), detection("1", 0.8), detection("1", 0.5))
    one = (detection("1", 0.9), detection("2", 0.6), detection("3", -0.9))
    (event,) = found(tmp_path, at("1.jpg", "06:00:00", *two), at("2.jpg", "06:00:01", *one))
    assert event.counts == {"animal": 2, "person": 1}


@pytest.mark.parametrize("text", ["2026:05:02 06:00:01", "2026-05-02T06:00:01"])
def test_times_are_read_as_other_programs_write_them(tmp_path: Path, text: str) -> None:
    (event,) = found(tmp_path, image("1.jpg", datetime=text), at("2.jpg", "06:00:00"))
    assert event.images == ["2.jpg", "1.jpg"]


def test_images_without_a_time_are_in_no_event(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "r.json",
        image("1.jpg"),
        image("2.jpg", datetime="yesterday"),
        failure("3.jpg"),
        at("4.jpg", "06:00:00"),
    )
    known, undated = events(results, 0.5)
    assert [one.images for one in known] == [["4.jpg"]]
    assert undated.images == 3


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_spreadsheet_runs_a_cell(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_other_cells_are_as_they_were() -> None:
    assert safe_cell("a=b.jpg") == "a=b.jpg"
