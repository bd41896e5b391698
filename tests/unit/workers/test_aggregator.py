"""Merging on a real storage and a real Redis: the proof, the commit, and merges that die."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.errors import JobFolderTrouble, StorageTrouble
from core.failures import FailureCode, ImageFailure
from core.image_list import decode_image_list
from core.job_folder import JobFolder
from core.jobs import FileKind, FinalRecord, JobStatus, RequestedImage
from core.messages import Message
from core.results.format import Detection, ImageResult, failed
from core.storage import Writer
from tests.unit.workers.conftest import Bench, J
from workers import aggregator
from workers.aggregator import merge_job
from workers.planner import plan_job
from workers.shard_output import encode_output, tally_of

IMAGES = 50


@pytest.fixture
def planned(bench: Bench) -> Bench:
    """A job of 50 images in shards of 16, 16, 16 and 2, planned and not run."""
    bench.add(*(f"{n:02d}.jpg" for n in range(IMAGES)), "notes.txt")
    bench.accept(name="north")
    plan_job(bench.context, J)
    assert bench.folder.read_plan(J).shards == 4
    return bench


def result(name: str, failing: bool = False) -> ImageResult:
    if failing:
        return failed(name, ImageFailure(FailureCode.TRUNCATED))
    return ImageResult(file=name, detections=[Detection("1", 0.5, (0.1, 0.2, 0.3, 0.4))])


def run(bench: Bench, *indices: int, failing: bool = False) -> None:
    """Write and count the outputs of shards, as a shard runner does."""
    for index in indices:
        images = decode_image_list(bench.folder.read_image_list(J, index))
        output = encode_output([result(image.name, failing) for image in images])
        bench.folder.write_shard_output(J, index, output)
        bench.store.done(J, index, tally_of(output))


def served(bench: Bench) -> tuple[FinalRecord, dict[str, Any]]:
    final = bench.folder.read_final(J)
    assert final.results
    size = bench.folder.results_size(final.results)
    data = b"".join(bench.folder.results_pieces(final.results, 0, size))
    assert len(data) == size == final.results_bytes
    assert hashlib.sha256(data).hexdigest() == final.results_digest
    return final, json.loads(data)


def files(bench: Bench) -> list[str]:
    root = bench.pictures.parent / "storage"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_merge_holds_every_image_once_in_order_and_ends_the_job(planned: Bench) -> None:
    run(planned, 3, 1, 0, 2)
    merge_job(planned.context, J)
    final, results = served(planned)
    assert [image["file"] for image in results["images"]] == [f"{n:02d}.jpg" for n in range(50)]
    assert results["info"]["format_version"] == "1.6"
    assert "partial" not in results["info"]["custom_metadata"]["megabatch"]
    assert final.status is JobStatus.COMPLETED and final.reason is None
    assert final.progress.images == final.progress.images_done == IMAGES
    job = planned.store.get(J)
    assert job and job.status is JobStatus.COMPLETED and job.progress == final.progress
    assert planned.folder.live_ids() == []


def test_merging_early_is_refused(planned: Bench) -> None:
    run(planned, 0, 1, 2)
    merge_job(planned.context, J)
    with pytest.raises(FileNotFoundError):
        planned.folder.read_final(J)


def test_failed_images_stand_in_the_results(planned: Bench) -> None:
    run(planned, 0, 1, 2)
    run(planned, 3, failing=True)
    merge_job(planned.context, J)
    final, results = served(planned)
    assert final.status is JobStatus.COMPLETED
    assert final.progress.images_failed == 2 and final.progress.failures == {"truncated": 2}
    assert results["images"][-1] == {
        "file": "49.jpg", "detections": None, "failure": "image access failure: truncated",
    }  # fmt: skip


def test_job_without_one_success_has_failed_but_serves_its_results(planned: Bench) -> None:
    run(planned, 0, 1, 2, 3, failing=True)
    merge_job(planned.context, J)
    final, results = served(planned)
    assert final.status is JobStatus.FAILED
    assert (final.reason or "").startswith("all_images_failed")
    assert len(results["images"]) == IMAGES


def test_empty_job_completes_and_says_so(bench: Bench) -> None:
    bench.add("notes.txt")
    bench.accept()
    plan_job(bench.context, J)
    merge_job(bench.context, J)
    final, results = served(bench)
    assert final.status is JobStatus.COMPLETED and results["images"] == []
    assert "no image" in (final.reason or "") and "1 other files" in (final.reason or "")


def test_cancelled_job_merges_what_is_finished(planned: Bench) -> None:
    run(planned, 2)
    planned.store.cancel(J)
    merge_job(planned.context, J)
    final, results = served(planned)
    assert final.status is JobStatus.CANCELLED
    assert [image["file"] for image in results["images"]] == [f"{n}.jpg" for n in range(32, 48)]
    told = results["info"]["custom_metadata"]["megabatch"]
    assert (told["partial"], told["images_listed"]) == (True, IMAGES)
    assert final.progress.images == IMAGES and final.progress.images_done == 16


def test_aborted_job_merges_what_is_finished_and_has_failed(planned: Bench) -> None:
    other = "c" * 32
    planned.accept(other, container_url=None, images=(RequestedImage("a.jpg"),))
    plan_job(planned.context, other)
    merge_job(planned.context, other)
    final = planned.folder.read_final(other)
    assert final.status is JobStatus.FAILED
    assert (final.reason or "").startswith("invalid_request")


def damage(bench: Bench, index: int, data: bytes | None) -> None:
    bench.folder.delete_shard_output(J, index)
    if data is not None:
        bench.folder.write_shard_output(J, index, data)


@pytest.mark.parametrize("data", [b"", b"rubbish\n", None])
def test_damaged_output_is_deleted_and_its_shard_runs_again(
    planned: Bench, data: bytes | None
) -> None:
    run(planned, 0, 1, 2, 3)
    damage(planned, 1, data)
    planned.outbox.take()
    merge_job(planned.context, J)
    assert planned.outbox.take() == [Message("run_shard", J, 1, "demo")]
    job = planned.store.get(J)
    assert job and job.status is JobStatus.RUNNING and job.progress.images_done == 34
    assert not any("results" in name for name in files(planned))
    run(planned, 1)
    merge_job(planned.context, J)
    _, results = served(planned)
    assert len(results["images"]) == IMAGES


def test_damaged_output_of_a_cancelled_job_is_left_out(planned: Bench) -> None:
    run(planned, 0, 1)
    planned.store.cancel(J)
    damage(planned, 0, b"rubbish\n")
    merge_job(planned.context, J)
    final, results = served(planned)
    assert final.status is JobStatus.CANCELLED and len(results["images"]) == 16


def dying(bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str, after: bool) -> None:
    """A merge that dies at one step: before it, or right after."""
    original = getattr(JobFolder, method)

    def step(*arguments: Any, **named: Any) -> Any:
        if after:
            original(*arguments, **named)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, method, step)
        with pytest.raises(SystemExit):
            merge_job(bench.context, J)
    bench.store._redis.delete(f"megabatch:job:{J}:leases")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["read_plan", "write_final", "discard_results", "retire"])
def test_merge_that_died_is_done_again_with_one_result(
    planned: Bench, monkeypatch: pytest.MonkeyPatch, method: str, after: bool
) -> None:
    run(planned, 0, 1, 2, 3)
    dying(planned, monkeypatch, method, after)
    merge_job(planned.context, J)
    _, results = served(planned)
    assert len(results["images"]) == IMAGES
    assert sum("results/" in name for name in files(planned)) == len(FileKind)
    assert planned.store.get(J).status is JobStatus.COMPLETED  # type: ignore[union-attr]


def test_merge_that_dies_while_writing_leaves_nothing_to_be_served(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(planned, 0, 1, 2, 3)
    original = JobFolder.results_writer

    @contextmanager
    def breaking(folder: JobFolder, path: str, name: str) -> Iterator[Writer]:
        with original(folder, path, name) as writer:
            yield writer
            raise StorageTrouble("gone")

    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "results_writer", breaking)
        with pytest.raises(StorageTrouble):
            merge_job(planned.context, J)
    assert not any("results/" in name for name in files(planned))
    merge_job(planned.context, J)
    assert len(served(planned)[1]["images"]) == IMAGES


def test_of_two_merges_the_first_commit_counts(planned: Bench) -> None:
    run(planned, 0, 1, 2, 3)
    merge_job(planned.context, J)
    final, _ = served(planned)
    other = FinalRecord(
        **{name: getattr(final, name) for name in final.__struct_fields__ if name != "results"},
        results="jobs/other",
    )
    assert planned.folder.write_final(other) == final


def test_merge_whose_files_go_because_another_won_fails_and_harms_nothing(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(planned, 0, 1, 2, 3)
    original = JobFolder.results_writer

    @contextmanager
    def while_another_wins(folder: JobFolder, path: str, name: str) -> Iterator[Writer]:
        with original(folder, path, name) as writer:
            writer.write(bytes(20_000_000))  # more than is held in memory
            patch.setattr(JobFolder, "results_writer", original)
            planned.store._redis.delete(f"megabatch:job:{J}:leases")
            merge_job(planned.context, J)
            yield writer

    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "results_writer", while_another_wins)
        with pytest.raises(JobFolderTrouble):
            merge_job(planned.context, J)
    final, results = served(planned)
    assert len(results["images"]) == IMAGES
    assert planned.store.get(J).status is JobStatus.COMPLETED  # type: ignore[union-attr]
    assert final.paths <= set(files(planned))


def test_merge_that_refuses_leaves_the_results_of_another_merge(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(planned, 0, 1, 2, 3)
    write_final = JobFolder.write_final

    def while_another_refuses(folder: JobFolder, final: FinalRecord) -> FinalRecord:
        planned.store._redis.delete(f"megabatch:job:{J}:leases")
        damage(planned, 1, None)
        merge_job(planned.context, J)
        assert planned.store.get(J).status is JobStatus.RUNNING  # type: ignore[union-attr]
        return write_final(folder, final)

    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "write_final", while_another_refuses)
        merge_job(planned.context, J)
    assert len(served(planned)[1]["images"]) == IMAGES
    # What was begun again ends with the record that stands.
    run(planned, 1)
    merge_job(planned.context, J)
    assert planned.store.get(J).status is JobStatus.COMPLETED  # type: ignore[union-attr]
    assert len(served(planned)[1]["images"]) == IMAGES


@pytest.mark.parametrize("listed", [False, True])
def test_cancelled_job_says_whether_its_listing_was_over(bench: Bench, listed: bool) -> None:
    bench.add("a.jpg")
    bench.accept()
    if listed:
        plan_job(bench.context, J)
    bench.store.cancel(J)
    merge_job(bench.context, J)
    assert bench.folder.read_final(J).progress.listing_over is listed


def test_output_beyond_the_plan_is_not_merged(planned: Bench) -> None:
    run(planned, 0)
    planned.store.cancel(J)
    planned.folder.write_image_list(J, 4, planned.folder.read_image_list(J, 1))
    planned.folder.write_shard_output(J, 4, planned.folder.read_shard_output(J, 0))
    merge_job(planned.context, J)
    assert len(served(planned)[1]["images"]) == 16
    assert 4 in planned.folder.shard_outputs(J)


def test_committed_merge_is_not_begun_again(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(planned, 0, 1, 2, 3)
    dying(planned, monkeypatch, "write_final", after=True)
    damage(planned, 1, None)
    merge_job(planned.context, J)
    assert len(served(planned)[1]["images"]) == IMAGES
    assert planned.store.get(J).status is JobStatus.COMPLETED  # type: ignore[union-attr]


def test_merge_that_lost_its_lease_commits_nothing(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(planned, 0, 1, 2, 3)
    proven_shards = aggregator.proven_shards
    monkeypatch.setattr("workers.lease_keeper.RENEW_EVERY", 0.01)

    def while_another_claims(*arguments: Any) -> Iterator[aggregator.ProvenShard]:
        planned.store._redis.hset(f"megabatch:job:{J}:owners", "merge", "other/1")
        time.sleep(0.3)
        yield from proven_shards(*arguments)

    monkeypatch.setattr(aggregator, "proven_shards", while_another_claims)
    merge_job(planned.context, J)
    with pytest.raises(FileNotFoundError):
        planned.folder.read_final(J)
