import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.errors import InvalidRequest, InvalidResults
from core.image_list import ListedImage
from core.results.format import ImageResult, encode_image
from detection.local.journal import Journal, Plan, unfinished_folder
from detection.local.settings import RunSettings

SETTINGS = RunSettings(
    sources=("/photos",), relative_to="", model="demo", weights="abc", threshold=0.1
)
IMAGES = [ListedImage("a.jpg"), ListedImage("kept.jpg", kept=True), ListedImage("b.jpg")]


def line(name: str) -> bytes:
    return encode_image(ImageResult(file=name, detections=[]))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(unfinished_folder(tmp_path / "results.json"))
    journal.begin(SETTINGS)
    journal.forget_lists()
    journal.write_list(0, IMAGES, [line("kept.jpg")])
    journal.write_plan(Plan(images=3, shards=1, size=0, kept=1))
    return journal


def lines_path(journal: Journal) -> Path:
    return journal.folder / "shards/0000000.ndjson"


def test_lines_come_back_in_list_order_with_those_that_are_kept(journal: Journal) -> None:
    assert journal.done(0) == 0
    for name in ("a.jpg", "b.jpg"):
        journal.add(0, line(name))
    journal.end(0)
    assert journal.done(0) == 2
    assert journal.lines(0) == [line("a.jpg"), line("kept.jpg"), line("b.jpg")]


@pytest.mark.parametrize(
    "left",
    [
        b'{"file":"b.j',
        b"\0" * 100,
        b"\0" * 50 + b"\n" + b"\0" * 50,
        line("b.jpg"),
        line("other.jpg") + b"\n",
        b"\n",
        b"[1, 2]\n",
        b"\xff\xfe\n",
        b'{"file":"b.jpg"}\n',
        b'{"file":"b.jpg","detections":[],"meta":"\xff"}\n',
        b'{"file":"b.jpg","detections":7}\n',
    ],
)
def test_what_is_no_line_of_the_next_image_is_cut_off(journal: Journal, left: bytes) -> None:
    journal.add(0, line("a.jpg"))
    with lines_path(journal).open("ab") as file:
        file.write(left)
    assert journal.done(0) == 1
    journal.add(0, line("b.jpg"))
    assert journal.done(0) == 2
    assert len(journal.lines(0)) == 3


def test_lines_beyond_the_list_are_cut_off(journal: Journal) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        journal.add(0, line(name))
    assert journal.done(0) == 2
    assert lines_path(journal).read_bytes().count(b"\n") == 2


def test_a_shard_that_is_not_whole_is_not_merged(journal: Journal) -> None:
    journal.add(0, line("a.jpg"))
    with pytest.raises(InvalidResults, match="damaged at shard 0"):
        journal.lines(0)


def test_a_run_goes_on_with_the_same_settings_alone(journal: Journal) -> None:
    journal.close()
    again = Journal(journal.folder)
    again.begin(SETTINGS)
    assert again.plan() == Plan(images=3, shards=1, size=0, kept=1)
    again.close()
    other = msgspec.structs.replace(SETTINGS, threshold=0.2, exif=("Model",))
    with pytest.raises(InvalidRequest) as refused:
        Journal(journal.folder).begin(other)
    assert "threshold: 0.1 then, 0.2 now" in refused.value.message
    assert "exif: none then, Model now" in refused.value.message
    Journal(journal.folder).begin(SETTINGS)


def test_two_runs_do_not_share_a_folder(journal: Journal) -> None:
    for attempt in (
        lambda: Journal(journal.folder).begin(SETTINGS),
        Journal(journal.folder).discard,
    ):
        with pytest.raises(InvalidRequest, match="Another process"):
            attempt()
    assert journal.plan() is not None
    journal.close()
    Journal(journal.folder).discard()
    assert not journal.folder.exists()


def test_a_listing_that_was_broken_off_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run")
    journal.begin(SETTINGS)
    journal.forget_lists()
    journal.write_list(5, IMAGES, [line("kept.jpg")])
    assert journal.plan() is None
    journal.forget_lists()
    assert not any((tmp_path / "run/images").iterdir())
    assert not any((tmp_path / "run/kept").iterdir())


@pytest.mark.parametrize("name", ["run.json", "plan.json"])
def test_a_file_that_cannot_be_read_is_told(journal: Journal, name: str) -> None:
    journal.close()
    (journal.folder / name).write_bytes(b"{")
    with pytest.raises(InvalidRequest, match="begin anew with --overwrite"):
        Journal(journal.folder).begin(SETTINGS)
        journal.plan()


@pytest.mark.parametrize("victim", ["images", "shards", "run.json", "over"])
def test_a_deletion_that_was_killed_leaves_nothing_to_go_on_with(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    journal.add(0, line("a.jpg"))
    rmtree, unlink = shutil.rmtree, Path.unlink

    def killed_at(delete: Callable[..., None]) -> Callable[..., None]:
        def deleting(path: Path, **more: Any) -> None:
            if path.name == victim:
                raise KeyboardInterrupt
            delete(path, **more)

        return deleting

    monkeypatch.setattr(shutil, "rmtree", killed_at(rmtree))
    monkeypatch.setattr(Path, "unlink", killed_at(unlink))
    with pytest.raises(KeyboardInterrupt):
        journal.discard()
    monkeypatch.undo()
    other = msgspec.structs.replace(SETTINGS, threshold=0.2)
    again = Journal(journal.folder)
    again.begin(other)
    assert again.settings == other
    assert again.plan() is None
    assert sorted(os.listdir(journal.folder)) == ["lock", "run.json"]
    again.close()


def test_what_a_killed_deletion_left_goes(journal: Journal) -> None:
    journal.close()
    Journal(journal.folder).end_discarding()
    assert journal.plan() is not None
    (journal.folder / "plan.json").rename(journal.folder / "over")
    Journal(journal.folder).end_discarding()
    assert not journal.folder.exists()
    journal.folder.mkdir()
    (journal.folder / "lock").touch()
    Journal(journal.folder).end_discarding()
    assert not journal.folder.exists()


def test_lines_of_a_run_before_are_not_taken_for_those_of_a_new_listing(journal: Journal) -> None:
    journal.add(0, line("a.jpg"))
    (journal.folder / "plan.json").unlink()
    journal.forget_lists()
    journal.write_list(0, IMAGES, [line("kept.jpg")])
    assert journal.done(0) == 0
