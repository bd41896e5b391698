"""Jobs of which files in our storage cannot be read: they end, with all that can be proven."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.jobs import FinalRecord, JobStatus, Webhook
from core.lua_scripts import MAX_ERRORS
from tests.unit.workers.conftest import Bench, J
from tests.unit.workers.test_aggregator import run
from workers.aggregator import merge_job
from workers.cleaner import Cleaner
from workers.planner import plan_job

IMAGES, SHARDS = 50, 4


@pytest.fixture
def merging(bench: Bench) -> Bench:
    """A job of 50 images in shards of 16, 16, 16 and 2, all of them done."""
    bench.add(*(f"{n:02d}.jpg" for n in range(IMAGES)))
    bench.accept(name="north", webhook=Webhook("https://example.org/hook", ("job.failed",)))
    plan_job(bench.context, J)
    run(bench, *range(SHARDS))
    assert status(bench) is JobStatus.MERGING
    return bench


def status(bench: Bench) -> JobStatus:
    job = bench.store.get(J)
    assert job
    return job.status


def damage(bench: Bench, name: str, data: bytes = b"") -> None:
    """What a disk may make of a file."""
    path = bench.pictures.parent / f"storage/jobs/{J}/{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def merge_until_it_gives_up(bench: Bench) -> None:
    for _ in range(MAX_ERRORS):
        with pytest.raises(ValueError):
            merge_job(bench.context, J)
        assert status(bench) is JobStatus.MERGING
    merge_job(bench.context, J)


def served(bench: Bench) -> tuple[FinalRecord, dict[str, Any]]:
    final = bench.folder.read_final(J)
    assert final.results
    results = bench.folder.results_pieces(final.results, 0, final.results_bytes)
    return final, json.loads(b"".join(results))


def test_image_list_that_cannot_be_read_costs_its_shard_alone(merging: Bench) -> None:
    damage(merging, "images/0000001.ndjson", b"{")
    merge_until_it_gives_up(merging)
    final, results = served(merging)
    names = [f"{n:02d}.jpg" for n in range(IMAGES) if not 16 <= n < 32]
    assert [image["file"] for image in results["images"]] == names
    told = results["info"]["custom_metadata"]["megabatch"]
    assert (told["partial"], told["images_listed"]) == (True, IMAGES)
    assert final.status is status(merging) is JobStatus.FAILED
    reason = final.reason or ""
    assert reason.startswith("job_damaged: the image list of shard 1 cannot be read")
    assert "`previous_job`" in reason
    assert (final.progress.images, final.progress.images_done) == (IMAGES, IMAGES - 16)


def test_plan_that_cannot_be_read_costs_nothing_that_stands(merging: Bench) -> None:
    damage(merging, "plan.json")
    merge_until_it_gives_up(merging)
    final, results = served(merging)
    assert len(results["images"]) == IMAGES and not final.progress.listing_over
    assert final.status is JobStatus.FAILED
    assert (final.reason or "").startswith("job_damaged: the plan cannot be read")


def test_damaged_output_of_a_damaged_job_runs_again(merging: Bench) -> None:
    damage(merging, "images/0000001.ndjson")
    damage(merging, "shards/0000002.ndjson", b"rubbish\n")
    merge_until_it_gives_up(merging)
    assert status(merging) is JobStatus.RUNNING
    run(merging, 2)
    merge_job(merging.context, J)
    final, results = served(merging)
    assert final.status is JobStatus.FAILED and len(results["images"]) == IMAGES - 16


def test_what_can_be_read_again_in_time_is_whole(merging: Bench) -> None:
    whole = merging.folder.read_image_list(J, 1)
    damage(merging, "images/0000001.ndjson")
    for _ in range(MAX_ERRORS):
        with pytest.raises(ValueError):
            merge_job(merging.context, J)
    damage(merging, "images/0000001.ndjson", whole)
    merge_job(merging.context, J)
    final, results = served(merging)
    assert final.status is JobStatus.COMPLETED and len(results["images"]) == IMAGES
    assert final.reason is None


@pytest.mark.parametrize("cancelled", [False, True])
def test_listing_that_broke_at_a_damaged_list_ends_with_the_lists_before_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    bench.add(*(f"{n:02d}.jpg" for n in range(IMAGES)))
    bench.accept()
    plan_job(bench.context, J)
    (bench.pictures.parent / f"storage/jobs/{J}/plan.json").unlink()
    bench.store._redis.flushall()
    bench.store.create(bench.folder.read_job(J))
    for name in ("images/0000002.ndjson", "images/0000003.ndjson"):
        damage(bench, name)
    if cancelled:
        bench.store.cancel(J)
    else:
        monkeypatch.setattr("workers.planner.MAX_LISTING_ERRORS", 1)
        with pytest.raises(ValueError):
            plan_job(bench.context, J)
    merge_job(bench.context, J)
    final = bench.folder.read_final(J)
    assert final.status is (JobStatus.CANCELLED if cancelled else JobStatus.FAILED)
    assert (final.progress.images, final.progress.shards) == (32, 2)
    assert "the image list of shard 3 (and 1 more) cannot be read" in (final.reason or "")


def test_job_without_its_record_ends_and_goes_after_a_week(merging: Bench, tmp_path: Path) -> None:
    damage(merging, "job.json")
    merge_until_it_gives_up(merging)
    final = merging.folder.read_final(J)
    assert final.status is status(merging) is JobStatus.FAILED
    assert (final.name, final.caller, final.results) == ("north", "local", None)
    assert (final.reason or "").startswith("job_damaged: ") and "Submit it again" in final.reason
    assert merging.folder.live_ids() == []
    Cleaner(
        merging.context, lambda: final.finished_at.replace(year=final.finished_at.year + 1)
    ).round()
    assert not (tmp_path / f"storage/jobs/{J}").exists()


def test_job_whose_final_record_is_damaged_ends(merging: Bench) -> None:
    damage(merging, "final.json")
    merge_until_it_gives_up(merging)
    job = merging.store.get(J)
    assert job and job.status is JobStatus.FAILED
    assert (job.reason or "").startswith("job_damaged: ")
    assert merging.folder.live_ids() == []
