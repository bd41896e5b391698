"""A SAS that is refused, and a fresh one that comes before, during or after the pause."""

from collections.abc import Iterator

import msgspec
import pytest

from core.errors import AccessRevoked
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import JobStatus
from tests.unit.workers.conftest import Bench, J
from workers import detecting
from workers.planner import plan_job
from workers.shard_runner import run_shard


@pytest.fixture
def planned(bench: Bench) -> Bench:
    bench.add("a.jpg", "b.jpg")
    bench.accept()
    plan_job(bench.context, J)
    bench.outbox.take()
    return bench


def refusing(*_: object) -> Iterator[None]:
    raise AccessRevoked
    yield


def give_fresh_url(bench: Bench, *, known: bool = True) -> None:
    """As the API does: the storage first, then Redis."""
    number = bench.folder.add_container_url(J, str(bench.pictures))
    if known:
        job = bench.folder.read_job(J)
        assert job.renewals == number
        bench.store.renew_container(job)


def status(bench: Bench) -> JobStatus:
    job = bench.store.get(J)
    assert job
    return job.status


def run_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(detecting, "run_pipeline", refusing)
        run_shard(bench.context, J, 0)


def ends(bench: Bench) -> bool:
    run_shard(bench.context, J, 0)
    return status(bench) is JobStatus.MERGING


def test_without_a_fresh_url_the_job_pauses_until_one_comes(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_refused(planned, monkeypatch)
    assert status(planned) is JobStatus.PAUSED
    give_fresh_url(planned)
    assert status(planned) is JobStatus.RUNNING
    run_refused(planned, monkeypatch)  # the fresh one is not accepted either
    assert status(planned) is JobStatus.PAUSED
    give_fresh_url(planned)
    assert ends(planned)


@pytest.mark.parametrize("known", [True, False])
def test_fresh_url_that_came_before_is_taken_up_at_once(
    planned: Bench, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    planned.context.open_job(J)
    give_fresh_url(planned, known=known)
    run_refused(planned, monkeypatch)
    assert status(planned) is JobStatus.RUNNING
    job = planned.store.get(J)
    assert job and job.progress.shards_running == 0
    assert planned.context.open_job(J)[0].renewals == 1
    assert ends(planned)


def test_fresh_url_that_comes_between_look_and_pause(
    planned: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = JobStore.pause

    def late(store: JobStore, *arguments: object) -> bool:
        give_fresh_url(planned)
        return pause(store, *arguments)  # type: ignore[arg-type]

    planned.context.open_job(J)
    with monkeypatch.context() as patch:
        patch.setattr(JobStore, "pause", late)
        run_refused(planned, monkeypatch)
    assert status(planned) is JobStatus.RUNNING
    assert ends(planned)


def test_planner_goes_on_with_a_fresh_url(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add("a.jpg")
    bench.accept()
    read = JobFolder.read_plan

    def late(folder: JobFolder, job_id: str) -> object:
        give_fresh_url(bench)
        raise AccessRevoked

    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "read_plan", late)
        plan_job(bench.context, J)
    assert status(bench) is JobStatus.QUEUED and read is JobFolder.read_plan
    plan_job(bench.context, J)
    assert status(bench) is JobStatus.RUNNING


def test_newest_of_two_urls_that_come_at_once_counts(bench: Bench) -> None:
    bench.accept()
    url = "https://x.blob.core.windows.net/c?sig="
    assert bench.folder.read_job(J).renewals == 0
    numbers = [bench.folder.add_container_url(J, url + str(n)) for n in range(12)]
    assert numbers == list(range(1, 13))
    job = bench.folder.read_job(J)
    assert job.renewals == 12 and job.request.container_url == url + "11"
    assert msgspec.structs.replace(job).id == J


def test_loser_of_a_race_takes_the_next_number(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.accept()
    bench.folder.add_container_url(J, "https://x/c?sig=first")
    monkeypatch.setattr(JobFolder, "count_container_urls", lambda *_: 0)
    assert bench.folder.add_container_url(J, "https://x/c?sig=second") == 2
    monkeypatch.undo()
    assert bench.folder.read_job(J).request.container_url == "https://x/c?sig=second"
