"""What workers did for a job: noted before each shard output, and added up in the final record."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from core.config import Settings
from core.containers.folder import LocalFolder
from core.errors import DetectorError, JobFolderTrouble
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.job_folder import JobFolder
from core.jobs import FinalRecord, JobStatus, Work
from core.lua_scripts import MAX_ERRORS
from core.work_done import WorkDone
from tests.integration.oracle import expected_images
from tests.pictures import jpeg
from tests.unit.workers.conftest import Bench, J
from tests.unit.workers.test_taking_over import (
    CHILD,
    PARENT,
    Pictures,
    pictures,
    repair,
    results,
    retry,
    run,
    run_parent,
)
from workers import detecting
from workers.planner import plan_job
from workers.reading import Reading
from workers.shard_runner import run_shard

__all__ = ["pictures"]


class Clock:
    """Stands still but for what a test lets pass, seconds."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of whoever is at a shard's images."""
    clock = Clock()
    monkeypatch.setattr(detecting, "time", clock)
    return clock


def size(pictures: Pictures) -> int:
    return sum(map(len, pictures.values()))


def taking(clock: Clock, seconds: float, run: Callable[..., Any]) -> Any:
    """A run that takes so long for each image."""

    def slow(*arguments: Any, **options: Any) -> Iterator[Any]:
        for result in run(*arguments, **options):
            clock.now += seconds
            yield result

    return slow


def again(bench: Bench) -> None:
    """Let the first shard be run once more."""
    bench.store._redis.zadd(f"megabatch:job:{PARENT}:ready", {"0000000": 0}, xx=True)


def finished(bench: Bench) -> FinalRecord:
    bench.accept(PARENT)
    return run(bench, PARENT)


def test_record_tells_the_bytes_of_all_images_and_whose_they_were(
    bench: Bench, pictures: Pictures
) -> None:
    final = finished(bench)
    assert final.caller == "local"
    assert final.work.bytes == size(pictures)
    assert results(bench, PARENT) == expected_images(pictures)


def test_seconds_are_those_at_the_images_and_leave_out_loading(
    bench: Bench, pictures: Pictures, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    load = bench.context._load_detector

    def loading(*arguments: Any) -> Any:
        clock.now += 1000
        return load(*arguments)

    monkeypatch.setattr(detecting, "run_pipeline", taking(clock, 0.25, detecting.run_pipeline))
    monkeypatch.setattr(bench.context, "_load_detector", loading)
    assert finished(bench).work.seconds == len(pictures) * 0.25
    assert clock.now == 1000 + len(pictures) * 0.25


def test_guarded_shard_counts_likewise(bench: Bench, pictures: Pictures) -> None:
    bench.accept(PARENT)
    plan_job(bench.context, PARENT)
    for _ in range(2):
        assert bench.store.claim(PARENT, 0, bench.context.worker, exclusive=True)
    lease = bench.store.claim(PARENT, 0, bench.context.worker, exclusive=True)
    assert lease and lease.guarded
    bench.store.release(lease)
    assert run(bench, PARENT).work.bytes == size(pictures)


def test_note_stands_before_the_output_and_counts_if_its_worker_dies_between(
    bench: Bench, pictures: Pictures, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    bench.accept(PARENT)
    plan_job(bench.context, PARENT)

    def dying(folder: JobFolder, *_: object) -> bytes:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(JobFolder, "write_shard_output", dying)
        run_shard(bench.context, PARENT, 0)
    first = bench.folder.work.total(PARENT)
    assert first.bytes == size(dict(list(pictures.items())[:16]))
    monkeypatch.setattr(detecting, "run_guarded", taking(clock, 5.0, detecting.run_guarded))
    assert run(bench, PARENT).work.bytes == size(pictures) + first.bytes


def test_shard_whose_note_cannot_be_written_is_run_again(
    bench: Bench, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.accept(PARENT)
    plan_job(bench.context, PARENT)

    def away(*_: object) -> None:
        raise JobFolderTrouble

    with monkeypatch.context() as patch, pytest.raises(JobFolderTrouble):
        patch.setattr(WorkDone, "note", away)
        run_shard(bench.context, PARENT, 0)
    assert bench.folder.shard_outputs(PARENT) == []
    again(bench)
    assert run(bench, PARENT).work.bytes == size(pictures)


def test_attempts_that_brought_no_output_leave_no_note(
    bench: Bench, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> Iterator[Any]:
        raise DetectorError
        yield

    monkeypatch.setattr(detecting, "run_pipeline", failing)
    bench.accept(PARENT)
    plan_job(bench.context, PARENT)
    for _ in range(MAX_ERRORS):
        with pytest.raises(DetectorError):
            run_shard(bench.context, PARENT, 0)
        again(bench)
    run_shard(bench.context, PARENT, 0)  # out of attempts: an output, and no work
    assert bench.folder.shard_outputs(PARENT) == [0]
    assert bench.folder.work.total(PARENT) == Work()


def test_what_is_taken_over_costs_nothing(bench: Bench, pictures: Pictures) -> None:
    run_parent(bench)
    repair(bench, pictures, "03.jpg", "20.jpg")
    retry(bench)
    final = run(bench, CHILD)
    # 05.jpg is read again, and fails again.
    read = ("03.jpg", "05.jpg", "20.jpg")
    assert final.work.bytes == sum(len(pictures[name]) for name in read)
    assert final.progress.images_kept == len(pictures) - len(read)
    notes = bench.folder._storage.names(f"jobs/{CHILD}/work/")
    assert [name[:7] for name in notes] == ["0000000", "0000001"]  # nothing new in the third


def test_cancelled_job_tells_what_was_done(bench: Bench, pictures: Pictures) -> None:
    bench.accept(PARENT)
    plan_job(bench.context, PARENT)
    run_shard(bench.context, PARENT, 1)
    bench.store.cancel(PARENT)
    bench.outbox[:] = [one for one in bench.outbox if one.task == "merge_job"]
    final = run(bench, PARENT)
    assert final.status is JobStatus.CANCELLED
    assert final.work.bytes == size(dict(list(pictures.items())[16:32]))


def test_job_without_images_cost_nothing(bench: Bench) -> None:
    bench.accept(J)
    assert run(bench, J).work == Work()


class _Hesitant(bytes):
    """Bytes whose length is told only after other threads had their turn."""

    def __len__(self) -> int:
        time.sleep(0)
        return super().__len__()


class _Varied:
    """A container of which every third image cannot be had."""

    def read(self, image: ListedImage) -> bytes | ImageFailure:
        number = int(image.name)
        return _Hesitant(b"x" * number) if number % 3 else ImageFailure(FailureCode.NOT_FOUND)


def test_bytes_are_counted_by_many_threads() -> None:
    reading = Reading(_Varied(), any_version=False)  # type: ignore[arg-type]
    with ThreadPoolExecutor(16) as threads:
        images = (ListedImage(str(number)) for number in range(5000))
        assert len(list(threads.map(reading.read, images))) == 5000
    assert reading.bytes == sum(number for number in range(5000) if number % 3)


def test_image_that_changed_since_it_was_listed_counts_as_it_was_read(
    settings: Settings, bench: Bench
) -> None:
    bench.add("a.jpg", content=jpeg(1))
    container = LocalFolder(bench.pictures)
    ((image,),) = (page.images for page in container.pages())
    bench.add("a.jpg", content=b"another picture")
    image = msgspec.structs.replace(image, etag="old")
    strict = Reading(container, any_version=False)
    assert strict.read(image) == ImageFailure(FailureCode.CHANGED) and strict.bytes == 0
    lenient = Reading(container, any_version=True)
    assert lenient.read(image) == b"another picture"
    assert lenient.bytes == len(b"another picture")
