"""Retries and previous jobs on a real storage and a real Redis: each job ends with whole results,
equal to those of a job that computed everything, and reads only what it has to.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from core.containers.folder import LocalFolder
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage, decode_image_list
from core.job_folder import JobFolder
from core.job_store import JobStore, Tally
from core.jobs import FinalRecord, JobStatus, RequestedImage
from core.messages import Message
from core.results.earlier import EarlierResults, Success
from tests.factories import accepted_job
from tests.integration.oracle import expected_images
from tests.pictures import jpeg
from tests.unit.workers.conftest import Bench
from workers.aggregator import merge_job
from workers.planner import plan_job
from workers.reaper import Reaper
from workers.shard_runner import run_shard

PARENT, CHILD, THIRD = "b" * 32, "c" * 32, "d" * 32
NAMES = [f"{n:02d}.jpg" for n in range(40)]
BAD = ("03.jpg", "05.jpg", "20.jpg")

Pictures = dict[str, bytes]


@pytest.fixture
def pictures(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Pictures:
    """What stands in the container: 40 pictures, three of which are none. Shards hold 16."""
    monkeypatch.setattr("workers.shard_cutting._FIRST", 16)
    pictures = {name: jpeg(n) for n, name in enumerate(NAMES)}
    pictures |= dict.fromkeys(BAD, b"not a picture")
    put(bench, pictures)
    return pictures


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that are read from the container, in whichever version."""
    names: list[str] = []
    whole = LocalFolder.read

    def reading(folder: LocalFolder, image: ListedImage) -> bytes | ImageFailure:
        answer = whole(folder, image)
        if answer != ImageFailure(FailureCode.CHANGED):
            names.append(image.name)
        return answer

    monkeypatch.setattr(LocalFolder, "read", reading)
    return names


def put(bench: Bench, pictures: Mapping[str, bytes]) -> None:
    for name, data in pictures.items():
        bench.add(name, content=data)


def repair(bench: Bench, pictures: Pictures, *names: str) -> None:
    repaired = {name: jpeg(100 + NAMES.index(name)) for name in names}
    pictures.update(repaired)
    put(bench, repaired)


def retry(bench: Bench, child: str = CHILD, parent: str = PARENT, **request: Any) -> None:
    """Accept a retry, as the API does."""
    job = accepted_job(child, **{"container_url": str(bench.pictures), **request})
    bench.folder.add_child(parent, child)
    bench.folder.accept(msgspec.structs.replace(job, parent=parent))
    bench.store.create(bench.folder.read_job(child))


def run(bench: Bench, job_id: str) -> FinalRecord:
    """What the workers do, message by message, until the job has ended."""
    work: dict[str, Callable[..., None]] = {
        "plan_job": plan_job,
        "run_shard": run_shard,
        "merge_job": merge_job,
    }
    while messages := bench.outbox.take():
        for message in messages:
            index = () if message.index is None else (message.index,)
            work[message.task](bench.context, message.job_id, *index)
    return bench.folder.read_final(job_id)


def results(bench: Bench, job_id: str) -> list[dict[str, Any]]:
    path = bench.folder.read_final(job_id).results
    assert path
    size = bench.folder.results_size(path)
    images: list[dict[str, Any]] = json.loads(b"".join(bench.folder.results_pieces(path, 0, size)))[
        "images"
    ]
    return images


def listed(bench: Bench, job_id: str) -> list[ListedImage]:
    return [
        image
        for index in range(bench.folder.read_plan(job_id).shards)
        for image in decode_image_list(bench.folder.read_image_list(job_id, index))
    ]


def run_parent(bench: Bench, **request: Any) -> None:
    bench.accept(PARENT, **request)
    final = run(bench, PARENT)
    assert final.progress.images_failed == len(BAD)


def cancel_early(bench: Bench) -> None:
    """The parent is cancelled after the second of its three shards."""
    bench.accept(PARENT)
    plan_job(bench.context, PARENT)
    run_shard(bench.context, PARENT, 1)
    bench.store.cancel(PARENT)
    bench.outbox[:] = [Message("merge_job", PARENT)]
    assert run(bench, PARENT).status is JobStatus.CANCELLED


# Retries.


def test_retry_replaces_failures_by_successes(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    run_parent(bench)
    read.clear()
    repair(bench, pictures, "03.jpg", "20.jpg")
    retry(bench)
    final = run(bench, CHILD)
    assert final.status is JobStatus.COMPLETED
    assert results(bench, CHILD) == expected_images(pictures)
    assert sorted(read) == sorted(BAD)
    assert (final.progress.images, final.progress.images_done) == (40, 40)
    assert (final.progress.images_kept, final.progress.images_failed) == (37, 1)
    job = bench.store.get(CHILD)
    assert job and job.progress == final.progress and job.parent == PARENT


def test_shard_that_is_taken_over_whole_bothers_no_detection_worker(
    bench: Bench, pictures: Pictures
) -> None:
    run_parent(bench)
    retry(bench)
    bench.outbox.clear()
    plan_job(bench.context, CHILD)
    assert [m.index for m in bench.outbox if m.task == "run_shard"] == [0, 1]
    job = bench.store.get(CHILD)
    assert job and job.progress.images_kept == job.progress.images_done == 8
    assert bench.folder.shard_outputs(CHILD) == [2]


def test_what_is_taken_over_says_nothing_of_the_models_pace(
    bench: Bench, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_parent(bench)
    bench.store._redis.delete("megabatch:image_ms")
    retry(bench)
    plan_job(bench.context, CHILD)
    assert bench.store.seconds_an_image("demo") is None
    done = JobStore.done

    def four_seconds(store: JobStore, job_id: str, index: int, tally: Tally, _: float) -> bool:
        return done(store, job_id, index, tally, 4)

    monkeypatch.setattr(JobStore, "done", four_seconds)
    run_shard(bench.context, CHILD, 1)  # one image of 16 is left
    assert bench.store.seconds_an_image("demo") == 4
    assert bench.store._redis.lindex(f"megabatch:job:{CHILD}:pace", -1).endswith(b" 1")


def test_retry_of_a_retry(bench: Bench, pictures: Pictures, read: list[str]) -> None:
    run_parent(bench)
    repair(bench, pictures, "03.jpg")
    retry(bench)
    assert run(bench, CHILD).progress.images_failed == 2
    read.clear()
    repair(bench, pictures, "20.jpg")
    retry(bench, THIRD, CHILD)
    assert run(bench, THIRD).progress.images_kept == 38
    assert results(bench, THIRD) == expected_images(pictures)
    assert sorted(read) == ["05.jpg", "20.jpg"]


def test_retry_of_a_cancelled_job_processes_what_was_not_reached(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    cancel_early(bench)
    read.clear()
    retry(bench)
    final = run(bench, CHILD)
    assert final.status is JobStatus.COMPLETED and final.progress.images_kept == 15
    assert results(bench, CHILD) == expected_images(pictures)
    assert sorted(read) == [*NAMES[:16], "20.jpg", *NAMES[32:]]


def test_retry_keeps_the_listing_of_its_parent(bench: Bench, pictures: Pictures) -> None:
    put(bench, {"notes.txt": b"", "x/a.jpg": jpeg(1)})
    request = {"first_n": 30, "sample_n": 20, "sample_seed": 5}
    bench.accept(PARENT, **request)
    run(bench, PARENT)
    put(bench, {"00a.jpg": jpeg(50), "more.txt": b""})  # would shift what is chosen
    retry(bench, **request)
    final = run(bench, CHILD)
    names = [image.name for image in listed(bench, PARENT)]
    assert [image.name for image in listed(bench, CHILD)] == names
    assert results(bench, CHILD) == expected_images(pictures, names)
    assert final.progress.skipped == bench.folder.read_final(PARENT).progress.skipped
    assert bench.folder.read_plan(CHILD).images == 20
    # Page by page, and not gathered for another sample.
    assert bench.folder.read_header(CHILD, 0).position.page == "0"


def test_retry_keeps_prefix_meta_and_duplicates(bench: Bench) -> None:
    put(bench, {"x/a.jpg": jpeg(1), "x/b.jpg": b""})
    entries = [("x/a.jpg", "north"), ("x/b.jpg", "south"), ("x/a.jpg", None)]
    request = {
        "images": tuple(RequestedImage(name, meta) for name, meta in entries),
        "prefix": "x/",
        "strip_prefix": "x/",
    }
    bench.accept(PARENT, **request)
    run(bench, PARENT)
    put(bench, {"x/b.jpg": jpeg(2)})
    retry(bench, **request)
    final = run(bench, CHILD)
    (kept, again) = results(bench, CHILD)
    expected = expected_images({"a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    assert kept == expected[0] | {"meta": "north"} and again == expected[1] | {"meta": "south"}
    assert (final.progress.images_kept, final.progress.duplicates) == (1, 1)


def test_retry_of_urls_keeps_them_sealed(bench: Bench) -> None:
    url = "https://x.blob.core.windows.net/c/a.jpg?sv=1&sig=CANARY"
    images = (RequestedImage(url),)
    bench.accept(PARENT, container_url=None, images=images)
    plan_job(bench.context, PARENT)
    bench.store.cancel(PARENT)
    bench.outbox[:] = [Message("merge_job", PARENT)]
    run(bench, PARENT)
    retry(bench, container_url=None, images=images)
    plan_job(bench.context, CHILD)
    (image,) = listed(bench, CHILD)
    assert image.sealed_url and bench.context.sealer.open(image.sealed_url) == url
    assert b"CANARY" not in bench.folder.read_image_list(CHILD, 0)


def test_retry_knows_the_versions_that_its_parent_listed(bench: Bench, pictures: Pictures) -> None:
    run_parent(bench)
    retry(bench)
    run(bench, CHILD)
    for before, after in zip(listed(bench, PARENT), listed(bench, CHILD), strict=True):
        assert after.kept is (before.name not in BAD)
        assert after.etag and msgspec.structs.replace(after, kept=False) == before


def test_retry_whose_parent_is_gone_ends_and_says_what_to_do(
    bench: Bench, pictures: Pictures
) -> None:
    run_parent(bench)
    retry(bench)
    bench.outbox.clear()
    bench.outbox.append(Message("plan_job", CHILD))
    for _ in bench.folder.sweep_job(PARENT):
        pass
    final = run(bench, CHILD)
    assert final.status is JobStatus.FAILED
    assert (final.reason or "").startswith(f"parent_deleted: The job {PARENT} was deleted")


# Previous jobs.


def test_previous_job_gives_what_has_not_changed(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    run_parent(bench)
    read.clear()
    repair(bench, pictures, "03.jpg")
    changed_and_new = {"07.jpg": jpeg(70), "12a.jpg": jpeg(71)}
    pictures.update(changed_and_new)
    put(bench, changed_and_new)
    (bench.pictures / "30.jpg").unlink()
    del pictures["30.jpg"]
    bench.accept(CHILD, previous_job=PARENT)
    final = run(bench, CHILD)
    assert results(bench, CHILD) == expected_images(pictures)
    assert sorted(read) == sorted({*BAD, *changed_and_new})
    assert final.progress.images_kept == 35


def test_what_is_taken_over_whole_is_told_again_as_done(
    bench: Bench, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    repair(bench, pictures, *BAD)
    bench.accept(PARENT)
    run(bench, PARENT)
    bench.accept(CHILD, previous_job=PARENT)
    write = JobFolder.write_image_list

    def losing_all(folder: JobFolder, job_id: str, index: int, data: bytes) -> bytes:
        if index == 2:
            bench.store._redis.flushall()
            Reaper(bench.context).round()
        return write(folder, job_id, index, data)

    monkeypatch.setattr(JobFolder, "write_image_list", losing_all)
    bench.outbox.clear()
    plan_job(bench.context, CHILD)
    job = bench.store.get(CHILD)
    assert job and job.status is JobStatus.MERGING
    assert job.progress.images_kept == len(NAMES)
    assert not [message for message in bench.outbox if message.task == "run_shard"]


def test_same_bytes_written_anew_are_another_version(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    run_parent(bench)
    read.clear()
    (bench.pictures / "07.jpg").unlink()
    put(bench, {"07.jpg": pictures["07.jpg"]})
    bench.accept(CHILD, previous_job=PARENT)
    run(bench, CHILD)
    assert sorted(read) == sorted([*BAD, "07.jpg"])


def test_previous_job_that_was_cancelled_early_gives_what_it_finished(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    bench.accept(PARENT)
    with contextlib.suppress(SystemExit), pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobFolder, "write_plan", breaking(SystemExit()))
        plan_job(bench.context, PARENT)
    run_shard(bench.context, PARENT, 2)
    bench.store._redis.delete(f"megabatch:job:{PARENT}:leases")
    bench.store.cancel(PARENT)
    bench.outbox[:] = [Message("merge_job", PARENT)]
    assert not run(bench, PARENT).progress.listing_over
    read.clear()
    bench.accept(CHILD, previous_job=PARENT)
    assert run(bench, CHILD).progress.images_kept == 8
    assert results(bench, CHILD) == expected_images(pictures)
    assert sorted(read) == NAMES[:32]


def test_retry_can_be_a_previous_job(bench: Bench, pictures: Pictures, read: list[str]) -> None:
    run_parent(bench)
    repair(bench, pictures, "03.jpg")
    retry(bench)
    run(bench, CHILD)
    read.clear()
    bench.accept(THIRD, previous_job=CHILD)
    run(bench, THIRD)
    assert results(bench, THIRD) == expected_images(pictures)
    # Of what was repaired the retry read another version than its list tells.
    assert sorted(read) == sorted(BAD)


def test_previous_job_gives_what_its_retry_reached(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    cancel_early(bench)
    retry(bench)
    run(bench, CHILD)
    read.clear()
    bench.accept(THIRD, previous_job=CHILD)
    assert run(bench, THIRD).progress.images_kept == 37
    assert results(bench, THIRD) == expected_images(pictures)
    assert sorted(read) == sorted(BAD)


@pytest.mark.parametrize("request_fields", [{"images": (RequestedImage("00.jpg"),)}, {}])
def test_without_etags_nothing_is_taken_over(
    bench: Bench, pictures: Pictures, read: list[str], request_fields: dict[str, Any]
) -> None:
    images = tuple(RequestedImage(name) for name in NAMES)
    bench.accept(PARENT, **({} if request_fields else {"images": images}))
    run(bench, PARENT)
    read.clear()
    bench.accept(CHILD, previous_job=PARENT, **request_fields)
    assert run(bench, CHILD).progress.images_kept == 0
    assert read


def test_previous_job_that_is_gone_costs_the_work_and_not_the_job(
    bench: Bench, pictures: Pictures, read: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    run_parent(bench)
    read.clear()
    for _ in bench.folder.sweep_job(PARENT):
        pass
    bench.accept(CHILD, previous_job=PARENT)
    final = run(bench, CHILD)
    assert final.status is JobStatus.COMPLETED and final.progress.images_kept == 0
    assert results(bench, CHILD) == expected_images(pictures)
    assert sorted(read) == NAMES
    assert f"{PARENT} is gone; every image is processed" in caplog.text


def test_previous_job_without_results_gives_nothing(bench: Bench, pictures: Pictures) -> None:
    bench.accept(PARENT, container_url=None, images=(RequestedImage("a.jpg"),))
    run(bench, PARENT)
    bench.accept(CHILD, previous_job=PARENT)
    assert run(bench, CHILD).progress.images_kept == 0
    assert results(bench, CHILD) == expected_images(pictures)


def test_full_disk_for_temporary_files_is_told_and_is_no_jobs_fault(
    bench: Bench, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_parent(bench)
    retry(bench)
    add = EarlierResults.add

    def full(self: EarlierResults, success: Success) -> None:
        self._base.execute("PRAGMA max_page_count = 4")
        add(self, msgspec.structs.replace(success, line=success.line * 100))

    with monkeypatch.context() as patch:
        patch.setattr(EarlierResults, "add", full)
        plan_job(bench.context, CHILD)
    job = bench.store.get(CHILD)
    assert job and job.status is JobStatus.QUEUED
    assert not bench.store._redis.exists(f"megabatch:job:{CHILD}:errors")
    bench.outbox.append(Message("plan_job", CHILD))
    assert run(bench, CHILD).progress.images_kept == 37


# Whatever dies.


def breaking(error: BaseException) -> Callable[..., Any]:
    def broken(*_: Any) -> Any:
        raise error

    return broken


def dying(
    monkeypatch: pytest.MonkeyPatch, method: str, call: int, *, after: bool
) -> pytest.MonkeyPatch:
    """The process dies at this call of a method of JobFolder, before or after its work."""
    whole = getattr(JobFolder, method)
    calls = 0

    def broken(folder: JobFolder, job_id: str, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            raise SystemExit
        answer = whole(folder, job_id, *arguments)
        if calls == call:
            raise SystemExit
        return answer

    monkeypatch.setattr(JobFolder, method, broken)
    return monkeypatch


def begin_anew(bench: Bench, job_id: str) -> None:
    """The lease of the dead worker is gone, and the planner is sent again."""
    bench.store._redis.delete(f"megabatch:job:{job_id}:leases")
    bench.outbox.append(Message("plan_job", job_id))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("write_kept", 2),
        ("write_image_list", 2),
        ("write_image_list", 3),
        ("write_shard_output", 1),
    ],
)
@pytest.mark.parametrize("kind", ["retry", "previous_job"])
def test_planner_that_dies_anywhere_is_continued(
    bench: Bench,
    pictures: Pictures,
    read: list[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    method: str,
    call: int,
    after: bool,
) -> None:
    run_parent(bench)
    read.clear()
    repair(bench, pictures, "20.jpg")
    if kind == "retry":
        retry(bench)
    else:
        bench.accept(CHILD, previous_job=PARENT)
    bench.outbox.clear()
    with contextlib.suppress(SystemExit), monkeypatch.context() as patch:
        dying(patch, method, call, after=after)
        plan_job(bench.context, CHILD)
    begin_anew(bench, CHILD)
    final = run(bench, CHILD)
    assert results(bench, CHILD) == expected_images(pictures)
    assert sorted(read) == sorted(BAD) and final.progress.images_kept == 37


def test_shard_that_is_taken_over_whole_can_be_run_as_any_other(
    bench: Bench, pictures: Pictures, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_parent(bench)
    retry(bench)
    plan_job(bench.context, CHILD)
    whole = bench.folder.read_shard_output(CHILD, 2)
    bench.folder.delete_shard_output(CHILD, 2)
    bench.store._redis.setbit(f"megabatch:job:{CHILD}:done", 2, 0)
    bench.outbox.clear()
    read.clear()
    run_shard(bench.context, CHILD, 2)
    assert bench.folder.read_shard_output(CHILD, 2) == whole and not read


def test_second_planner_with_another_listing_takes_over_what_stands_for_its_own(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    run_parent(bench)
    read.clear()
    # The first planner listed 30 more images before these, wrote what they take over, and died.
    lines = bench.folder.read_shard_output(PARENT, 0).splitlines(keepends=True)
    lines.insert(0, b'{"file":"000.jpg","detections":[]}\n')
    standing = b"".join(line for line in lines[:10] if b"failure" not in line)
    # Meanwhile one of them changes.
    pictures["02.jpg"] = jpeg(90)
    put(bench, {"02.jpg": pictures["02.jpg"]})
    bench.folder.write_kept(CHILD, 0, standing)
    bench.accept(CHILD, previous_job=PARENT)
    final = run(bench, CHILD)
    assert results(bench, CHILD) == expected_images(pictures)
    marked = [image.name for image in listed(bench, CHILD)[:16] if image.kept]
    assert marked == ["00.jpg", "01.jpg", "04.jpg", "06.jpg", "07.jpg", "08.jpg"]
    assert final.progress.images_kept == 6 + 15 + 8
    assert sorted(read) == sorted([name for name in NAMES[:16] if name not in marked] + ["20.jpg"])


def test_marks_of_the_parent_are_not_those_of_the_retry(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    run_parent(bench)
    retry(bench)
    run(bench, CHILD)
    read.clear()
    bench.folder.write_kept(THIRD, 0, bench.folder.read_kept(CHILD, 0).splitlines(True)[0])
    retry(bench, THIRD, CHILD)
    final = run(bench, THIRD)
    assert results(bench, THIRD) == expected_images(pictures)
    assert sorted(read) == [*NAMES[1:16], "20.jpg"]
    assert final.progress.images_kept == 1 + 15 + 8


def test_image_whose_line_is_gone_is_processed(bench: Bench, pictures: Pictures) -> None:
    run_parent(bench)
    retry(bench)
    plan_job(bench.context, CHILD)
    for file in (bench.pictures.parent / f"storage/jobs/{CHILD}/kept").iterdir():
        file.unlink()
    run(bench, CHILD)
    assert results(bench, CHILD) == expected_images(pictures)


def test_shard_that_is_given_up_keeps_what_it_took_over(
    bench: Bench, pictures: Pictures, read: list[str]
) -> None:
    run_parent(bench)
    read.clear()
    retry(bench)
    plan_job(bench.context, CHILD)
    bench.store._redis.hset(f"megabatch:job:{CHILD}:errors", "0000001", 5)
    run(bench, CHILD)
    expected = expected_images(pictures)
    expected[20]["failure"] = "inference failure: out_of_attempts"
    assert results(bench, CHILD) == expected
    assert sorted(read) == ["03.jpg", "05.jpg"]


def test_lost_redis_counts_again_what_was_taken_over(bench: Bench, pictures: Pictures) -> None:
    run_parent(bench)
    retry(bench)
    plan_job(bench.context, CHILD)
    run_shard(bench.context, CHILD, 0)
    bench.store._redis.flushall()
    bench.store.create(bench.folder.read_job(CHILD))
    plan_job(bench.context, CHILD)
    job = bench.store.get(CHILD)
    assert job and (job.progress.images_kept, job.progress.images_done) == (14 + 8, 16 + 8)
    run(bench, CHILD)
    final = bench.folder.read_final(CHILD)
    assert final.progress.images_kept == 37


def test_refused_output_is_counted_off_and_made_again(bench: Bench, pictures: Pictures) -> None:
    run_parent(bench)
    retry(bench)
    plan_job(bench.context, CHILD)
    output = bench.pictures.parent / f"storage/jobs/{CHILD}/shards/0000002.ndjson"
    output.write_bytes(output.read_bytes().splitlines(keepends=True)[0])
    run_shard(bench.context, CHILD, 0)
    run_shard(bench.context, CHILD, 1)
    merge_job(bench.context, CHILD)
    job = bench.store.get(CHILD)
    assert job and (job.progress.images_kept, job.progress.images_done) == (37 - 8, 40 - 8)
    run(bench, CHILD)
    assert results(bench, CHILD) == expected_images(pictures)
    assert bench.folder.read_final(CHILD).progress.images_kept == 37
