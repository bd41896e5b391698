import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.local_watchers import (
    Display,
    JsonDisplay,
    LineDisplay,
    LocalWatcher,
    NoDisplay,
    Standing,
    display_of,
    tell_finished,
)
from core.results.format import ImageResult, encode_image
from detection.local.estimate import SAMPLE, Estimate
from detection.local.journal import Plan
from detection.local.merging import Merged

PAGE = Path(__file__).parents[3] / "docs/local.md"
LINE = encode_image(ImageResult(file="a.jpg", detections=[]))
FAILED = encode_image(ImageResult(file="b.jpg", detections=None, failure="image access failure: x"))
PLAN = Plan(images=100, shards=1, size=5, kept=2, skipped={".txt": 1}, duplicates=3)


class Noting(NoDisplay):
    """Notes what it is to show."""

    def __init__(self) -> None:
        self.estimates: list[tuple[Estimate, int]] = []
        self.moves = 0

    def estimated(self, estimate: Estimate, left: int) -> None:
        self.estimates.append((estimate, left))

    def moved(self, standing: Standing) -> None:
        self.moves += 1


def no_room() -> tuple[int, int]:
    return 0, 0


def watched(display: Display, lines: list[bytes], done: int = 0) -> LocalWatcher:
    watcher = LocalWatcher(display, no_room)
    watcher.planned(PLAN, done)
    for line in lines:
        watcher.finished(line)
    return watcher


def test_images_and_failures_are_counted() -> None:
    lines: list[bytes] = []
    watcher = LocalWatcher(NoDisplay(), no_room, lines.append)
    watcher.planned(PLAN, 7)
    for line in (LINE, FAILED, LINE):
        watcher.finished(line)
    standing = watcher.standing
    assert (standing.images, standing.done, standing.failed) == (100, 10, 1)
    assert lines == [LINE, FAILED, LINE]


def test_a_name_that_holds_the_word_is_no_failure() -> None:
    named = encode_image(ImageResult(file='"failure":', detections=[], meta='"failure":'))
    assert watched(NoDisplay(), [named]).standing.failed == 0


def test_after_twenty_images_it_is_told_what_the_rest_will_take() -> None:
    display = Noting()
    watched(display, [LINE] * (SAMPLE - 1), done=10)
    assert display.estimates == []
    watched(display, [LINE] * 50, done=10)
    ((told, left),) = display.estimates
    assert left == 100 - 10 - SAMPLE
    assert told.results_bytes == left * (len(LINE) + 2)
    assert display.moves == SAMPLE - 1 + 50


def test_a_run_that_is_over_by_then_tells_nothing() -> None:
    display = Noting()
    watched(display, [LINE] * SAMPLE, done=100 - SAMPLE)
    assert display.estimates == []


def test_pictures_of_an_earlier_run_are_not_taken_for_those_of_the_first_images() -> None:
    display, drawn = Noting(), iter([10**9, 10**9 + 1000 * SAMPLE])
    watcher = LocalWatcher(display, lambda: (next(drawn), 5))
    watcher.planned(PLAN, 0)
    for _ in range(SAMPLE):
        watcher.finished(LINE)
    ((told, left),) = display.estimates
    assert told.needed_bytes == 2 * told.results_bytes + 1000 * left
    assert told.free_bytes == 5


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        (Standing(images=1), "0 of 1 image"),
        (Standing(images=40, done=12, failed=1), "12 of 40 images, 1 failed"),
        (
            Standing(images=40, done=12, images_per_second=3.2),
            "12 of 40 images, 3.2 images/s, 9 s left",
        ),
        (Standing(images=40, done=40, images_per_second=3.2), "40 of 40 images, 3.2 images/s"),
    ],
)
def test_the_standing_in_words(standing: Standing, text: str) -> None:
    assert standing.text("image") == text


def told_events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.err == ""
    return [json.loads(line) for line in captured.out.splitlines()]


def test_json_tells_progress_now_and_then_and_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watched(JsonDisplay(every=3600), [LINE] * 97 + [FAILED], done=2)
    told = [event for event in told_events(capsys) if event["event"] == "progress"]
    assert [event["done"] for event in told] == [3, 100]
    assert (told[0]["images_per_second"], told[0]["seconds_left"]) == (None, None)
    assert (told[1]["failed"], told[1]["seconds_left"]) == (1, 0)


def fields_of_the_page() -> dict[str, set[str]]:
    table = PAGE.read_text().split("## For programs")[1].split("\n## ")[0]
    rows = [row.strip("|").split("|") for row in table.splitlines() if row.startswith("| `")]
    return {name.strip(" `"): set(re.findall(r"`([a-z_]+)`", cells[1])) for name, *cells in rows}


def test_the_page_tells_the_fields_of_each_event(capsys: pytest.CaptureFixture[str]) -> None:
    watched(JsonDisplay(), [LINE] * (SAMPLE + 1))
    tell_finished(Merged(images=1, failures={}, found={}, empty=1), None, {"1": "animal"})
    page = fields_of_the_page()
    told = told_events(capsys)
    assert {event["event"] for event in told} == {"planned", "estimated", "progress", "finished"}
    for event in told:
        assert event.keys() - {"event"} == page[event["event"]]


def test_the_end_is_told_by_names(capsys: pytest.CaptureFixture[str]) -> None:
    merged = Merged(images=9, failures={"truncated": 2}, found={"1": 4}, empty=3)
    tell_finished(merged, Path("r.json"), {"1": "animal", "2": "person"})
    assert told_events(capsys) == [
        {
            "event": "finished",
            "output": "r.json",
            "images": 9,
            "failed": 2,
            "failures": {"truncated": 2},
            "found": {"animal": 4, "person": 0},
            "empty": 3,
        }
    ]


@pytest.mark.parametrize(("every", "lines"), [(0, 3), (3600, 0)])
def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], every: float, lines: int
) -> None:
    watched(LineDisplay("image", every=every), [LINE] * 3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("of 100 images") == lines


@pytest.mark.parametrize("progress", ["auto", "json", "none"])
def test_where_nobody_looks_there_is_no_bar(progress: str) -> None:
    kinds: dict[str, Callable[..., object]] = {
        "auto": LineDisplay,
        "json": JsonDisplay,
        "none": NoDisplay,
    }
    assert type(display_of(progress, "image")) is kinds[progress]
