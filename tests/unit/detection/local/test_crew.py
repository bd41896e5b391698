import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from core.errors import DetectorError, ModelUnavailable
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.results.format import ImageResult, decode_image, failed
from detection.local import crew
from detection.local.crew import MAX_DEATHS, Crew, OpenShard
from detection.local.work import Detect, Placed
from tests.hash_work import HashWork
from tests.pictures import jpeg

NAMES = [f"{number:02}.jpg" for number in range(12)]


class Broken:
    """Work that cannot begin."""

    def failed(self, image: ListedImage, failure: ImageFailure) -> ImageResult:
        return failed(image.name, failure)

    def begin(self) -> Detect:
        raise ModelUnavailable("The weights are gone.")


class Dying(Broken):
    """Work whose process dies before it can begin."""

    def begin(self) -> Detect:
        print("out of memory", flush=True)  # noqa: T201
        os._exit(9)


@pytest.fixture
def photos(tmp_path: Path) -> list[Placed]:
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(NAMES):
        (tmp_path / "photos" / name).write_bytes(jpeg(number, 32, 24))
    return [Placed(ListedImage(name), str(tmp_path / "photos" / name)) for name in NAMES]


class Told:
    """What a crew told."""

    def __init__(self) -> None:
        self.lines: dict[int, list[ImageResult]] = {}
        self.done: list[int] = []

    def write(self, index: int, line: bytes) -> None:
        self.lines.setdefault(index, []).append(decode_image(line))

    @property
    def failures(self) -> dict[str, str]:
        every = (image for images in self.lines.values() for image in images)
        return {image.file: image.failure for image in every if image.failure}


def run(tmp_path: Path, placed: list[Placed], work: object, processes: int = 1) -> Told:
    told = Told()
    shards = (OpenShard(number, placed[number * 4 : number * 4 + 4]) for number in range(3))
    environments: list[dict[str, str]] = [{} for _ in range(processes)]
    Crew(work, environments, tmp_path, told.write).run(shards, told.done.append)  # type: ignore[arg-type]
    return told


def begun(notes: Path) -> Counter[str]:
    return Counter(notes.read_text().split())


@pytest.mark.parametrize("processes", [1, 3])
def test_every_image_is_told_once_and_in_order(
    tmp_path: Path, photos: list[Placed], processes: int
) -> None:
    told = run(tmp_path, photos, HashWork(notes=tmp_path / "notes"), processes)
    assert {index: [one.file for one in told.lines[index]] for index in sorted(told.lines)} == {
        0: NAMES[:4],
        1: NAMES[4:8],
        2: NAMES[8:],
    }
    assert sorted(told.done) == [0, 1, 2]
    assert set(begun(tmp_path / "notes").values()) == {1}


def test_shards_that_are_done_start_no_process(tmp_path: Path) -> None:
    told = Told()
    Crew(Broken(), [{}], tmp_path, told.write).run(iter([OpenShard(7, [])]), told.done.append)
    assert (told.done, told.lines) == ([7], {})


def test_an_image_that_kills_once_is_no_failure(tmp_path: Path, photos: list[Placed]) -> None:
    work = HashWork(notes=tmp_path / "notes", dies_on=("05",), once=True)
    told = run(tmp_path, photos, work)
    assert told.failures == {}
    assert begun(tmp_path / "notes")["05.jpg"] == 2


def test_an_image_that_kills_always_is_a_failure_and_no_other_is(
    tmp_path: Path, photos: list[Placed]
) -> None:
    told = run(tmp_path, photos, HashWork(notes=tmp_path / "notes", dies_on=("05", "06", "11")))
    failure = str(ImageFailure(FailureCode.WORKER_CRASHED))
    assert told.failures == dict.fromkeys(["05.jpg", "06.jpg", "11.jpg"], failure)
    assert [len(told.lines[index]) for index in (0, 1, 2)] == [4, 4, 4]
    assert begun(tmp_path / "notes")["05.jpg"] == MAX_DEATHS


def test_a_process_that_hangs_is_started_again(
    tmp_path: Path, photos: list[Placed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "STALL_AFTER", 0.5)
    told = run(tmp_path, photos, HashWork(notes=tmp_path / "notes", hangs_on="02"))
    assert list(told.failures) == ["02.jpg"]


def test_a_process_that_runs_out_of_memory_fails_the_image_alone(
    tmp_path: Path, photos: list[Placed]
) -> None:
    told = run(tmp_path, photos, HashWork(notes=tmp_path / "notes", fills_memory_on="03"))
    assert told.failures == {"03.jpg": str(ImageFailure(FailureCode.WORKER_CRASHED))}


def test_a_process_that_dies_in_the_middle_of_a_line_is_started_again(
    tmp_path: Path, photos: list[Placed]
) -> None:
    told, killed = Told(), list[int]()

    def write(index: int, line: bytes) -> None:
        told.write(index, line)
        if not killed:
            (member,) = running._members
            assert member.connection.poll(20)  # the next line has begun, and no pipe holds it whole
            killed.append(member.process.pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    work = HashWork(notes=tmp_path / "notes", more_bytes=8 << 20)
    running = Crew(work, [{}], tmp_path, write)
    running.run(iter([OpenShard(0, photos[:4])]), told.done.append)
    assert [one.file for one in told.lines[0]] == NAMES[:4]
    assert told.failures == {}


def test_what_stands_in_the_way_of_all_is_raised(tmp_path: Path, photos: list[Placed]) -> None:
    with pytest.raises(ModelUnavailable, match="The weights are gone"):
        run(tmp_path, photos, Broken())


def test_a_process_that_always_dies_is_given_up_and_its_last_words_told(
    tmp_path: Path, photos: list[Placed]
) -> None:
    with pytest.raises(DetectorError, match=r"exit code 9(?s:.)*out of memory"):
        run(tmp_path, photos, Dying())


def test_a_disk_that_takes_no_more_ends_all_processes(tmp_path: Path, photos: list[Placed]) -> None:
    def full(_index: int, _line: bytes) -> None:
        raise OSError(28, "full")

    work = HashWork(notes=tmp_path / "notes", delay=0.05)
    started = Crew(work, [{}, {}], tmp_path, full)
    with pytest.raises(OSError, match="full"):
        started.run(iter([OpenShard(0, photos)]), lambda _index: None)
    count = sum(begun(tmp_path / "notes").values())
    time.sleep(0.3)
    assert sum(begun(tmp_path / "notes").values()) == count
