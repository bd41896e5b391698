"""Cleaning on a real storage and a real Redis: cleaners die in the middle, and two work at once."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.config import Settings
from core.deletion import delete_job
from core.errors import JobFolderTrouble
from core.job_folder import JobFolder
from core.jobs import Webhook, utc_now
from core.storage import Storage
from tests.factories import accepted_job
from tests.unit.workers.conftest import Bench, J
from workers.aggregator import merge_job, settle
from workers.cleaner import Cleaner
from workers.planner import plan_job
from workers.reaper import Reaper
from workers.shard_runner import run_shard

K = "b" * 32
#: Writes a file, and is killed at it.
KILLED = """
import os, signal, sys
from core.config import Settings
from core.storage import open_storage

with open_storage(Settings(storage_url=sys.argv[1])).writer(sys.argv[2]) as writer:
    for _ in range(30):
        writer.write(bytes(1_000_000))
    os.kill(os.getpid(), signal.SIGKILL)
"""
DAY = timedelta(days=1)


class Clock:
    """Says what time it is to be."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cleaner(bench: Bench, clock: Clock) -> Cleaner:
    return Cleaner(bench.context, clock)


def run_job(bench: Bench, job_id: str = J, **request: object) -> None:
    """A job from its acceptance to its end."""
    bench.add("a.jpg", "b.jpg")
    bench.accept(job_id, **request)
    plan_job(bench.context, job_id)
    run_shard(bench.context, job_id, 0)
    merge_job(bench.context, job_id)
    job = bench.store.get(job_id)
    assert job and job.terminal


def delete(bench: Bench, clock: Clock, job_id: str = J) -> None:
    folder = bench.folder
    job, final = folder.read_shown(job_id), folder.read_final(job_id)
    delete_job(folder, bench.store, job, final, clock())


def files(tmp_path: Path) -> set[str]:
    storage = tmp_path / "storage"
    return {str(path.relative_to(storage)) for path in storage.rglob("*") if path.is_file()}


def kinds(tmp_path: Path, job_id: str = J) -> set[str]:
    """What stands of a job: files of its folder by their kind."""
    start = f"jobs/{job_id}/"
    found = [name.removeprefix(start) for name in files(tmp_path) if name.startswith(start)]
    return {name.partition("/")[0] for name in found}


def test_shard_outputs_go_after_a_week_and_image_lists_stay(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    kept = tmp_path / f"storage/jobs/{J}/kept/0000000.ndjson"
    kept.parent.mkdir()
    kept.touch()
    cleaner.round()
    before = kinds(tmp_path)
    assert {"images", "shards", "kept", "work", "results"} <= before
    clock.now += 7 * DAY + timedelta(minutes=2)
    cleaner.round()
    assert kinds(tmp_path) == before - {"shards", "kept", "work"}
    assert bench.store.get(J)


def test_job_goes_at_its_time_with_all_that_it_owned(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    clock.now += 180 * DAY - timedelta(minutes=1)
    cleaner.round()
    assert bench.store.get(J) and "job.json" in kinds(tmp_path)
    clock.now += timedelta(minutes=3)
    cleaner.round()
    assert bench.store.get(J) is None
    assert bench.folder.retention.is_gone(J)
    [tombstone, due] = sorted(files(tmp_path), reverse=True)
    assert tombstone == f"gone/{J}" and due.endswith(f"-{J}.gone")
    assert not (tmp_path / "storage/jobs").exists()  # no empty folders either
    clock.now += 366 * DAY
    cleaner.round()
    assert files(tmp_path) == set()


def test_written_after_the_sweep_goes_with_the_tombstone(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    delete(bench, clock)
    cleaner.round()
    bench.folder.write_shard_output(J, 7, b"late")
    clock.now += 366 * DAY
    cleaner.round()
    assert files(tmp_path) == set()


def be_killed_at(bench: Bench, path: str) -> None:
    arguments = (bench.context.settings.storage_url, path)
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert ended.returncode == -signal.SIGKILL


def test_what_a_writer_left_that_was_killed_goes_with_its_job(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    be_killed_at(bench, f"jobs/{J}/results/late.json")
    assert f"jobs/{J}/results/late.json#1" in files(tmp_path)
    delete(bench, clock)
    cleaner.round()
    assert not kinds(tmp_path)
    assert not (tmp_path / f"storage/jobs/{J}").exists()


def test_what_a_merge_left_that_was_killed_goes_when_its_job_ends(
    bench: Bench, tmp_path: Path
) -> None:
    bench.add("a.jpg", "b.jpg")
    bench.accept()
    be_killed_at(bench, f"jobs/{J}/results/early.json")
    assert "results" in kinds(tmp_path)
    run_job(bench)
    results = {name for name in files(tmp_path) if "/results/" in name}
    assert results == bench.folder.read_final(J).paths


class Mortal:
    """Changes our storage so many times, and is dead then."""

    def __init__(self, patch: pytest.MonkeyPatch, changes: int) -> None:
        self.left = changes
        patch.setattr("core.storage._PAGE", 4)
        for name in ("create", "delete", "delete_some"):
            patch.setattr(Storage, name, self._mortal(getattr(Storage, name)))

    def _mortal(self, change: Callable[..., object]) -> Callable[..., object]:
        def change_or_die(storage: Storage, *arguments: object) -> object:
            self.left -= 1
            if self.left < 0:
                raise JobFolderTrouble("killed")
            return change(storage, *arguments)

        return change_or_die


def test_cleaner_that_dies_after_each_step_ends_in_the_same(
    bench: Bench,
    cleaner: Cleaner,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_job(bench)
    for index in range(1, 30):
        bench.folder.write_shard_output(J, index, b"")
    clock.now += 200 * DAY
    deaths = 0
    for changes in range(100):
        with monkeypatch.context() as patch, suppress(JobFolderTrouble):
            Mortal(patch, changes)
            cleaner.round()
            break
        deaths += 1
    assert deaths >= 10
    assert {name.partition("/")[0] for name in files(tmp_path)} == {"due", "gone"}
    assert bench.store.get(J) is None and bench.folder.live_ids() == []


def test_two_cleaners_at_once_do_no_harm(
    bench: Bench, settings: Settings, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"{n:032x}" for n in range(12)]
    for job_id in ids:
        run_job(bench, job_id)
        for index in range(1, 20):
            bench.folder.write_shard_output(job_id, index, b"")
    clock.now += 200 * DAY
    monkeypatch.setattr("core.storage._PAGE", 3)
    monkeypatch.setattr("core.job_store.JobStore.hold", lambda *_: True)
    cleaners = [Cleaner(bench.another_worker(name, settings), clock) for name in ("one", "two")]
    threads = [threading.Thread(target=cleaner.round) for cleaner in cleaners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cleaners[0].round()  # what one left because the other was at it
    assert {name.partition("/")[0] for name in files(tmp_path)} == {"due", "gone"}
    assert all(bench.folder.retention.is_gone(job_id) for job_id in ids)


def test_only_one_cleaner_works(
    bench: Bench, settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    delete(bench, clock)
    other = bench.another_worker("other", settings)
    assert other.store.hold("cleaner", "other", 60)
    Cleaner(bench.context, clock).round()
    assert kinds(tmp_path)
    Cleaner(other, clock).round()
    assert not kinds(tmp_path)


def test_cleaner_that_loses_its_turn_stops(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job(bench)
    for index in range(1, 40):
        bench.folder.write_shard_output(J, index, b"")
    delete(bench, clock)
    turns = iter([True, True, True, False])
    monkeypatch.setattr("core.storage._PAGE", 5)
    monkeypatch.setattr("workers.cleaner._HOLD_EVERY", 0.0)
    monkeypatch.setattr("core.job_store.JobStore.hold", lambda *_: next(turns))
    cleaner.round()
    assert kinds(tmp_path)
    assert [sweep.job_id for sweep in bench.folder.retention.sweeps()] == [J]


def test_stopped_cleaner_ends_at_once(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    delete(bench, clock)
    stop = threading.Event()
    stop.set()
    cleaner.run(stop)
    assert kinds(tmp_path)
    thread = threading.Thread(target=cleaner.run, args=(stop := threading.Event(),))
    thread.start()
    for _ in range(100):
        if not kinds(tmp_path):
            break
        threading.Event().wait(0.05)
    stop.set()
    thread.join(5)
    assert not thread.is_alive() and not kinds(tmp_path)


def test_cleaner_that_is_stopped_in_the_middle_leaves_the_rest(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job(bench)
    for index in range(1, 40):
        bench.folder.write_shard_output(J, index, b"")
    delete(bench, clock)
    stop, deleted = threading.Event(), Storage.delete_some

    def stop_then(storage: Storage, folder: str) -> int:
        stop.set()
        return deleted(storage, folder)

    monkeypatch.setattr("core.storage._PAGE", 5)
    monkeypatch.setattr(Storage, "delete_some", stop_then)
    cleaner.run(stop)
    assert kinds(tmp_path)
    assert bench.store.hold("cleaner", "another", 60)  # its turn was given back


def test_parent_is_kept_while_its_child_lives(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    bench.folder.add_child(J, K)
    bench.accept(K)
    clock.now += 200 * DAY
    cleaner.round()
    assert bench.store.get(J) and {"images", "results"} <= kinds(tmp_path)
    bench.store.cancel(K)
    merge_job(bench.context, K)
    cleaner.round()
    assert bench.store.get(J) is None and not kinds(tmp_path)


def test_child_that_came_while_the_deletion_began_finds_the_files(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    bench.folder.add_child(J, K)
    bench.folder.accept(accepted_job(K, container_url=str(bench.pictures)))
    delete(bench, clock)
    cleaner.round()
    assert {"images", "results", "final.json"} <= kinds(tmp_path)
    bench.folder.retire(K)
    bench.store.create(accepted_job(K))
    bench.store.cancel(K)
    merge_job(bench.context, K)
    cleaner.round()
    assert not kinds(tmp_path)


def test_child_that_was_never_accepted_or_was_deleted_keeps_nothing(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    bench.folder.add_child(J, "c" * 32)
    delete(bench, clock)
    cleaner.round()
    assert not kinds(tmp_path)


def test_damaged_job_does_not_keep_others_from_being_cleaned(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench, J)
    run_job(bench, K)
    for record in ("job.json", "final.json"):
        (tmp_path / f"storage/jobs/{J}/{record}").write_bytes(b"{")
    clock.now += 200 * DAY
    cleaner.round()
    assert bench.store.get(K) is None and bench.store.get(J)


@pytest.mark.parametrize("record", ["job.json", "final.json"])
def test_job_with_a_damaged_record_goes_at_its_time(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path, record: str
) -> None:
    run_job(bench)
    (tmp_path / f"storage/jobs/{J}/{record}").write_bytes(b"")
    clock.now += 181 * DAY
    cleaner.round()
    assert bench.store.get(J) is None and not kinds(tmp_path)
    tombstone = bench.folder.retention.tombstone(J)
    assert tombstone and (tombstone.usage is None) is (record == "final.json")


def test_damaged_deletion_keeps_no_other_from_being_ended(
    bench: Bench,
    cleaner: Cleaner,
    clock: Clock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run_job(bench, J)
    run_job(bench, K)
    delete(bench, clock, K)
    sweep = tmp_path / f"storage/sweep/{J}"
    sweep.write_bytes(b"")
    cleaner.round()
    assert not kinds(tmp_path, K) and {"job.json", "results"} <= kinds(tmp_path, J)
    assert f"sweep/{J} in our storage is damaged. Delete that file" in caplog.text
    sweep.unlink()
    delete(bench, clock, J)
    cleaner.round()
    assert not kinds(tmp_path, J)


def test_damaged_deletion_of_a_job_that_is_buried_is_ended(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    delete(bench, clock)
    (tmp_path / f"storage/sweep/{J}").write_bytes(b"")
    cleaner.round()
    assert not kinds(tmp_path) and list(bench.folder.retention.sweeps()) == []
    clock.now += 366 * DAY  # what was due of it still is, and does no harm
    cleaner.round()
    assert files(tmp_path) == set()


def test_webhook_is_told_before_a_job_goes(bench: Bench, cleaner: Cleaner, clock: Clock) -> None:
    wanted = Webhook("https://example.org/hook", ("job.expiring",))
    run_job(bench, webhook=wanted)
    cleaner.round()
    assert bench.store.claim_delivery() is None
    clock.now += 173 * DAY + timedelta(minutes=2)
    cleaner.round()
    told = bench.store.claim_delivery()
    assert told and (told.delivery.job_id, told.delivery.event) == (J, "job.expiring")
    cleaner.round()
    assert bench.store.claim_delivery() is None


def test_late_word_of_a_deleted_jobs_end_brings_nothing_back(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    final = bench.folder.read_final(J)
    delete(bench, clock)
    (tmp_path / "storage/live").mkdir(exist_ok=True)
    (tmp_path / f"storage/live/{J}").touch()
    settle(bench.context, final)
    assert bench.store.get(J) is None and bench.folder.live_ids() == []
    cleaner.round()
    assert {name.partition("/")[0] for name in files(tmp_path)} == {"due", "gone"}


def test_job_whose_word_of_the_end_was_lost_with_redis_is_in_the_list(bench: Bench) -> None:
    run_job(bench)
    final = bench.folder.read_final(J)
    bench.folder._storage.create(f"live/{J}", b"")
    bench.store._redis.flushall()  # type: ignore[attr-defined]
    Reaper(bench.context).round()
    job = bench.store.get(J)
    assert job and job.status is final.status
    assert job.progress == final.progress and bench.folder.live_ids() == []


def test_settling_again_notes_the_same(bench: Bench, tmp_path: Path) -> None:
    run_job(bench)
    before = files(tmp_path)
    settle(bench.context, bench.folder.read_final(J))
    assert files(tmp_path) == before
    what = {name.rpartition(".")[2] for name in before if name.startswith("due/")}
    assert what == {"parts", "expiring", "job"}


def test_files_beyond_a_page_go_too(
    bench: Bench, cleaner: Cleaner, clock: Clock, tmp_path: Path
) -> None:
    run_job(bench)
    folder: JobFolder = bench.folder
    for index in range(1, 2300):
        folder.write_shard_output(J, index, b"")
    delete(bench, clock)
    cleaner.round()
    assert not kinds(tmp_path)
