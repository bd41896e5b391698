"""Running shards in this process: pictures in, one output written once, whatever is in the way."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.config import Settings
from core.errors import (
    AccessRevoked,
    ConfigError,
    DetectorBroken,
    DetectorError,
    JobFolderTrouble,
    ModelUnavailable,
    StorageTrouble,
    Unavailable,
)
from core.failures import FailureCode, ImageFailure
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import JobStatus, RequestedImage
from core.lease import Lease
from core.lua_scripts import MAX_ERRORS, MAX_LOSSES, MAX_OUTAGES
from core.results.format import failed
from core.room import NoRoom
from tests.factories import accepted_job
from tests.integration.oracle import expected_images
from tests.pictures import jpeg
from tests.unit.workers.conftest import Bench, J
from workers import detecting
from workers.aggregator import merge_job
from workers.lease_keeper import LeaseEnded, LeaseKeeper
from workers.planner import plan_job
from workers.shard_output import tally_of
from workers.shard_runner import run_shard

PICTURES = {
    "a.jpg": jpeg(1),
    "b/c.jpg": jpeg(2, 80, 60),
    "b/empty.jpg": b"",
    "b/text.jpg": b"not a picture",
    "d.jpg": jpeg(3)[:-400],
    "e.jpg": jpeg(4),
}


@pytest.fixture
def planned(bench: Bench) -> Bench:
    for name, data in PICTURES.items():
        bench.add(name, content=data)
    bench.accept()
    plan_job(bench.context, J)
    return bench


def output(bench: Bench) -> bytes:
    return bench.folder.read_shard_output(J, 0)


def breaking(error: BaseException) -> Any:
    def run_pipeline(*_: Any, **__: Any) -> Iterator[Any]:
        raise error
        yield

    return run_pipeline


def due(bench: Bench) -> None:
    """Let the waiting shard be due."""
    bench.store._redis.zadd(f"megabatch:job:{J}:ready", {"0000000": 0}, xx=True)


def test_output_is_what_the_pictures_say(planned: Bench) -> None:
    run_shard(planned.context, J, 0)
    merge_job(planned.context, J)
    final = planned.folder.read_final(J)
    assert final.progress.failures == {"empty_file": 1, "not_an_image": 1, "truncated": 1}
    lines = output(planned).splitlines()
    assert [msgspec.json.decode(line) for line in lines] == expected_images(PICTURES)


def test_same_shard_gives_the_same_bytes(planned: Bench) -> None:
    run_shard(planned.context, J, 0)
    first = output(planned)
    planned.folder.delete_shard_output(J, 0)
    planned.store._redis.setbit(f"megabatch:job:{J}:done", 0, 0)
    planned.store._redis.hset(f"megabatch:job:{J}", "status", "running")
    run_shard(planned.context, J, 0)
    assert output(planned) == first


def test_prefix_is_stripped_and_meta_kept(bench: Bench) -> None:
    bench.add("x/y/a.jpg", content=jpeg(1))
    bench.accept(images=(RequestedImage("x/y/a.jpg", "north"),), prefix="x/", strip_prefix="x/")
    plan_job(bench.context, J)
    run_shard(bench.context, J, 0)
    assert output(bench).startswith(b'{"file":"y/a.jpg"') and b'"meta":"north"' in output(bench)
    merge_job(bench.context, J)
    assert bench.folder.read_final(J).status is JobStatus.COMPLETED


def test_output_that_stands_is_counted_and_not_computed_again(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_shard(planned.context, J, 0)
    standing = output(planned)
    planned.store._redis.flushall()
    planned.store.create(planned.folder.read_job(J))
    planned.store.planned(J, 0, len(PICTURES))
    monkeypatch.setattr(detecting, "run_pipeline", breaking(AssertionError("computed again")))
    run_shard(planned.context, J, 0)
    job = planned.store.get(J)
    assert job and job.progress.images_done == len(PICTURES)
    assert output(planned) == standing


def test_second_delivery_does_nothing(planned: Bench) -> None:
    run_shard(planned.context, J, 0)
    before = planned.store.get(J)
    run_shard(planned.context, J, 0)
    assert planned.store.get(J) == before


def test_loser_of_a_race_adopts_the_winners_output(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = JobFolder.write_shard_output
    winner = b'{"file":"a.jpg","detections":[]}\n'

    def late(folder: JobFolder, job_id: str, index: int, data: bytes) -> bytes:
        write(folder, job_id, index, winner)
        return write(folder, job_id, index, data)

    monkeypatch.setattr(JobFolder, "write_shard_output", late)
    run_shard(planned.context, J, 0)
    assert output(planned) == winner
    job = planned.store.get(J)
    assert job and job.progress.images_done == tally_of(winner).images == 1


def test_expired_sas_pauses_the_job_and_counts_nothing(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(detecting, "run_pipeline", breaking(AccessRevoked()))
        run_shard(planned.context, J, 0)
    job = planned.store.get(J)
    assert job and job.status is JobStatus.PAUSED and "access_revoked" in (job.reason or "")
    assert job.progress.shards_running == 0
    assert J not in planned.context._open_jobs  # a fresh SAS is to be read
    planned.store.renew_container(accepted_job(J))
    run_shard(planned.context, J, 0)
    assert planned.store.get(J).status is JobStatus.MERGING  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "error", [ModelUnavailable(), JobFolderTrouble(), Unavailable(), ConfigError()]
)
def test_trouble_of_ours_is_not_counted_against_the_shard(
    planned: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(detecting, "run_pipeline", breaking(error))
        with pytest.raises(type(error)):
            run_shard(planned.context, J, 0)
    assert planned.store.claim(J, 0, "other") is None  # it waits
    due(planned)
    lease = planned.store.claim(J, 0, "other")
    assert lease and lease.errors == lease.losses == 0


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (StorageTrouble(), MAX_OUTAGES),
        (DetectorError(), MAX_ERRORS),
        (RuntimeError("surprise"), MAX_ERRORS),
    ],
)
def test_shard_that_keeps_failing_ends_as_failures_of_its_images(
    planned: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, attempts: int
) -> None:
    monkeypatch.setattr(detecting, "run_pipeline", breaking(error))
    for _ in range(attempts):
        with pytest.raises(type(error)):
            run_shard(planned.context, J, 0)
        due(planned)
    run_shard(planned.context, J, 0)
    merge_job(planned.context, J)
    final = planned.folder.read_final(J)
    assert final.status is JobStatus.FAILED
    assert final.progress.failures == {"out_of_attempts": len(PICTURES)}


@pytest.mark.parametrize("leaves_mount_point", [False, True])
def test_folder_that_is_away_for_long_costs_no_image(
    planned: Bench, leaves_mount_point: bool
) -> None:
    away = planned.pictures.with_name("unplugged")
    planned.pictures.rename(away)
    if leaves_mount_point:
        planned.pictures.mkdir()
    for _ in range(MAX_OUTAGES - 1):
        with pytest.raises(StorageTrouble, match="mounted"):
            run_shard(planned.context, J, 0)
        due(planned)
    if leaves_mount_point:
        planned.pictures.rmdir()
    away.rename(planned.pictures)
    run_shard(planned.context, J, 0)
    lines = output(planned).splitlines()
    assert [msgspec.json.decode(line) for line in lines] == expected_images(PICTURES)


def test_shard_that_is_lost_too_often_ends_as_failures(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detecting, "run_pipeline", breaking(SystemExit()))
    monkeypatch.setattr(detecting, "run_guarded", breaking(SystemExit()))
    for _ in range(MAX_LOSSES):
        with pytest.raises(SystemExit):
            run_shard(planned.context, J, 0)
    run_shard(planned.context, J, 0)
    assert b"out_of_attempts" in output(planned)


def test_cancelled_in_the_middle_gives_the_shard_up(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = detecting.run_pipeline
    monkeypatch.setattr("workers.lease_keeper.RENEW_EVERY", 0.01)

    def cancelling(*arguments: Any) -> Iterator[Any]:
        for result in pipeline(*arguments):
            yield result
            planned.store.cancel(J)
            time.sleep(0.2)

    monkeypatch.setattr(detecting, "run_pipeline", cancelling)
    run_shard(planned.context, J, 0)
    with pytest.raises(FileNotFoundError):
        output(planned)
    assert planned.store.get(J).status is JobStatus.MERGING  # type: ignore[union-attr]


def test_damaged_output_is_written_anew(planned: Bench) -> None:
    planned.folder.write_shard_output(J, 0, b"rubbish\n")
    run_shard(planned.context, J, 0)
    assert tally_of(output(planned)).images == len(PICTURES)
    assert planned.store.get(J).status is JobStatus.MERGING  # type: ignore[union-attr]


@pytest.mark.parametrize("lost", [False, True])
def test_shard_whose_image_list_is_damaged_ends_its_job(planned: Bench, lost: bool) -> None:
    file = planned.pictures.parent / f"storage/jobs/{J}/images/0000000.ndjson"
    if lost:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-20])
    for _ in range(MAX_ERRORS + 1):
        assert planned.store.get(J).status is JobStatus.RUNNING  # type: ignore[union-attr]
        with pytest.raises((FileNotFoundError, ValueError)):
            run_shard(planned.context, J, 0)
        due(planned)
    merge_job(planned.context, J)
    final = planned.folder.read_final(J)
    assert final.status is JobStatus.FAILED and (final.reason or "").startswith("job_damaged: ")


def test_container_that_failed_is_opened_anew(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detecting, "run_pipeline", breaking(StorageTrouble()))
    with pytest.raises(StorageTrouble):
        run_shard(planned.context, J, 0)
    assert J not in planned.context._open_jobs


def test_worker_keeps_few_jobs_open(bench: Bench) -> None:
    ids = [f"{n:032x}" for n in range(12)]
    for job_id in ids:
        bench.accept(job_id)
        bench.context.open_job(job_id)
    assert list(bench.context._open_jobs) == ids[-8:]


def test_detector_is_loaded_before_its_shard_is_claimed(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[int] = []
    load = planned.context._load_detector

    def loading(*arguments: Any) -> Any:
        job = planned.store.get(J)
        assert job
        running.append(job.progress.shards_running)
        return load(*arguments)

    monkeypatch.setattr(planned.context, "_load_detector", loading)
    run_shard(planned.context, J, 0)
    run_shard(planned.context, J, 0)
    assert running == [0]


def test_worker_whose_detector_cannot_be_loaded_ends_and_blames_no_shard(
    planned: Bench, leaving: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise RuntimeError("no device")

    with monkeypatch.context() as patch:
        patch.setattr(planned.context, "_load_detector", failing)
        with pytest.raises(RuntimeError):
            run_shard(planned.context, J, 0)
    assert leaving == ["worker"]
    lease = planned.store.claim(J, 0, "other")
    assert lease and lease.errors == lease.losses == 0


def test_worker_whose_children_die_while_they_load_ends(
    planned: Bench, leaving: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(planned.context, "_load_detector", dying)
    for _ in range(3):
        with pytest.raises(SystemExit):
            run_shard(planned.context, J, 0)
    assert leaving == []
    with pytest.raises(DetectorBroken):
        run_shard(planned.context, J, 0)
    assert leaving == ["worker"]


def test_detector_that_loads_forgets_the_deaths_before(planned: Bench, leaving: list[str]) -> None:
    for _ in range(3):
        planned.store.count_load(planned.context.worker)
    planned.store.forget_loads(planned.context.worker)
    run_shard(planned.context, J, 0)
    assert planned.store.count_load(planned.context.worker) == 1 and leaving == []


def test_broken_detector_ends_the_process_and_its_shard_is_guarded_next(
    planned: Bench, leaving: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(detecting, "run_pipeline", breaking(DetectorBroken()))
        run_shard(planned.context, J, 0)
    assert leaving == ["child"]
    assert planned.store.claim(J, 0, "other") is None  # until it is known that the child died
    planned.store.heartbeat("demo", planned.context.worker, dead=[os.getpid()])
    lease = planned.store.claim(J, 0, "other")
    assert lease and lease.guarded and lease.errors == 0


def test_worker_without_room_takes_no_shard(
    bench: Bench, settings: Settings, tmp_path: Path
) -> None:
    bench.add("a.jpg", content=jpeg(1))
    bench.accept()
    plan_job(bench.context, J)
    full = msgspec.structs.replace(settings, least_room=10**9)
    other = bench.another_worker("full", full)
    for work in (lambda: run_shard(other, J, 0), lambda: plan_job(other, J)):
        with pytest.raises(NoRoom, match="MEGABATCH_LEAST_ROOM"):
            work()
    lease = bench.store.claim(J, 0, "other")
    assert lease and lease.errors == lease.losses == 0


def test_worker_that_is_asked_to_stop_gives_its_shard_back(planned: Bench) -> None:
    planned.context.leave()
    run_shard(planned.context, J, 0)
    with pytest.raises(FileNotFoundError):
        output(planned)
    lease = planned.store.claim(J, 0, "other")
    assert lease and lease.errors == lease.losses == 0


def test_pipeline_has_ended_before_its_shard_is_given_back(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    release = JobStore.release

    def pipeline(*_: Any) -> Iterator[Any]:
        try:
            yield failed("a.jpg", ImageFailure(FailureCode.TRUNCATED))
        finally:
            events.append("pipeline ended")

    def moved(_: LeaseKeeper, **__: int) -> None:
        raise LeaseEnded

    def releasing(store: JobStore, lease: Lease, wait_seconds: float = 0) -> bool:
        events.append("given back")
        return release(store, lease, wait_seconds)

    monkeypatch.setattr(detecting, "run_pipeline", pipeline)
    monkeypatch.setattr(LeaseKeeper, "moved", moved)
    monkeypatch.setattr(JobStore, "release", releasing)
    run_shard(planned.context, J, 0)
    assert events == ["pipeline ended", "given back"]


def lost_at(bench: Bench, position: int | None, times: int) -> None:
    """The shard was lost so often, each time by a child that died."""
    for _ in range(times):
        lease = bench.store.claim(J, 0, bench.context.worker, exclusive=True)
        assert lease
        if position is not None:
            bench.store.note(lease, position)


def test_guarded_shard_has_the_same_output(planned: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    lost_at(planned, None, times=2)
    monkeypatch.setattr(detecting, "run_pipeline", breaking(AssertionError("not guarded")))
    run_shard(planned.context, J, 0)
    lines = output(planned).splitlines()
    assert [msgspec.json.decode(line) for line in lines] == expected_images(PICTURES)
    assert planned.store._redis.hlen(f"megabatch:job:{J}:noted") == 0


def test_guarded_shard_takes_what_is_suspected_first_and_notes_each(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_at(planned, 3, times=1)
    lost_at(planned, None, times=1)
    noted: list[int | None] = []
    note = JobStore.note

    def noting(store: JobStore, lease: Lease, position: int | None) -> Any:
        noted.append(position)
        return note(store, lease, position)

    monkeypatch.setattr(JobStore, "note", noting)
    run_shard(planned.context, J, 0)
    assert noted == [3, 0, 1, 2, 4, 5, None]
    assert [msgspec.json.decode(line) for line in output(planned).splitlines()] == expected_images(
        PICTURES
    )


def test_image_on_which_workers_died_is_not_touched_again(planned: Bench) -> None:
    lost_at(planned, 5, times=4)
    read: list[str] = []
    _, container = planned.context.open_job(J)
    reading = container.read
    container.read = lambda image: (read.append(image.name), reading(image))[1]  # type: ignore
    run_shard(planned.context, J, 0)
    assert read == sorted(PICTURES)[:5]
    *others, last = [msgspec.json.decode(line) for line in output(planned).splitlines()]
    assert others == expected_images(PICTURES)[:5]
    assert last["failure"] == "inference failure: worker_crashed" and last["detections"] is None


def test_guarded_shard_stops_when_another_has_it(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_at(planned, None, times=2)
    monkeypatch.setattr(JobStore, "note", lambda *_: "lost")
    run_shard(planned.context, J, 0)
    with pytest.raises(FileNotFoundError):
        output(planned)
