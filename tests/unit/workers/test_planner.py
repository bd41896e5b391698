"""Planning on a real folder, a real storage and a real Redis; planners die in the middle."""

import contextlib
import ipaddress
import json
import shutil
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from core.containers.folder import LocalFolder
from core.containers.opening import open_container
from core.containers.patience import Patience
from core.errors import AccessRevoked, ConfigError, ContainerError, StorageTrouble, Unavailable
from core.image_list import decode_image_list
from core.job_folder import JobFolder, Plan
from core.jobs import JobStatus, RequestedImage
from core.messages import Message
from tests.factories import accepted_job
from tests.unit.core.containers.scripted_server import Reply, serving
from tests.unit.core.containers.test_azure_lister import LISTED
from tests.unit.workers.conftest import Bench, J
from tests.unit.workers.test_aggregator import run
from workers.planner import MAX_LISTING_ERRORS, plan_job
from workers.reaper import Reaper


def listed(bench: Bench) -> list[str]:
    """The whole image list of the job."""
    return [
        image.name
        for index in range(bench.folder.count_image_lists(J))
        for image in decode_image_list(bench.folder.read_image_list(J, index))
    ]


def status(bench: Bench) -> JobStatus:
    job = bench.store.get(J)
    assert job
    return job.status


def names(count: int) -> list[str]:
    return [f"{n:04d}.jpg" for n in range(count)]


def test_plan_lists_every_image_once_in_order(bench: Bench) -> None:
    bench.add("b.JPG", "a/2.png", "a/1.jpeg", "notes.txt", "film.mp4", "._a.jpg")
    bench.accept()
    plan_job(bench.context, J)
    assert listed(bench) == ["a/1.jpeg", "a/2.png", "b.JPG"]
    job = bench.store.get(J)
    assert job and job.progress.images == 3 and job.progress.listing_over
    assert job.progress.skipped == {".txt": 1, ".mp4": 1}
    assert bench.folder.read_plan(J).images == 3


def test_empty_container_goes_on_to_the_merge(bench: Bench) -> None:
    bench.add("notes.txt")
    bench.accept()
    plan_job(bench.context, J)
    assert status(bench) is JobStatus.MERGING
    assert Message("merge_job", J) in bench.outbox


def test_filters_work_in_the_documented_order(bench: Bench) -> None:
    bench.add(*(f"{folder}/{name}" for folder in "ab" for name in names(30)))
    bench.accept(prefix="b/", first_n=20, sample_n=5, sample_seed=7)
    plan_job(bench.context, J)
    chosen = listed(bench)
    assert len(chosen) == 5 and chosen == sorted(chosen)
    assert set(chosen) <= {f"b/{name}" for name in names(20)}
    assert chosen != [f"b/{name}" for name in names(5)]


def test_sample_is_the_same_for_the_same_seed(bench: Bench) -> None:
    bench.add(*names(60))
    other = "c" * 32
    bench.accept(sample_n=10, sample_seed=3)
    bench.accept(other, sample_n=10, sample_seed=3)
    for job_id in (J, other):
        plan_job(bench.context, job_id)
    assert bench.folder.read_image_list(J, 0) == bench.folder.read_image_list(other, 0)


def test_sample_larger_than_the_container_takes_all(bench: Bench) -> None:
    bench.add(*names(5))
    bench.accept(sample_n=50)
    plan_job(bench.context, J)
    assert listed(bench) == names(5)


def test_explicit_list_takes_every_name_once_in_its_own_order(bench: Bench) -> None:
    images = tuple(
        RequestedImage(name, meta)
        for name, meta in [("z.dat", "north"), ("a.jpg", None), ("z.dat", "again"), ("b", None)]
    )
    bench.accept(images=images)
    plan_job(bench.context, J)
    first = decode_image_list(bench.folder.read_image_list(J, 0))
    assert [(image.name, image.meta) for image in first] == [
        ("z.dat", "north"), ("a.jpg", None), ("b", None),
    ]  # fmt: skip
    assert bench.folder.read_plan(J).duplicates == 1


def test_urls_with_secrets_are_sealed_in_the_image_list(bench: Bench) -> None:
    url = "https://x.blob.core.windows.net/c/a.jpg?sv=1&sig=CANARY"
    bench.accept(container_url=None, images=(RequestedImage(url),))
    plan_job(bench.context, J)
    data = bench.folder.read_image_list(J, 0)
    assert b"CANARY" not in data
    (image,) = decode_image_list(data)
    assert image.name == "https://x.blob.core.windows.net/c/a.jpg"
    assert image.sealed_url and bench.context.sealer.open(image.sealed_url) == url


def test_names_without_a_container_abort_the_job(bench: Bench) -> None:
    bench.accept(container_url=None, images=(RequestedImage("a.jpg"),))
    plan_job(bench.context, J)
    job = bench.store.get(J)
    assert job and job.status is JobStatus.MERGING and "container" in (job.reason or "")


def test_folder_that_is_away_when_its_job_is_planned_is_waited_for(bench: Bench) -> None:
    bench.accept()
    bench.pictures.rmdir()
    for _ in range(3):
        with pytest.raises(StorageTrouble, match="mounted"):
            plan_job(bench.context, J)
        assert status(bench) is JobStatus.QUEUED
    bench.add(*names(3))
    plan_job(bench.context, J)
    assert listed(bench) == names(3)


def fail_after(
    monkeypatch: pytest.MonkeyPatch, calls: int, error: Exception, after_write: bool
) -> None:
    """Make the writing of one image list break, before or after it stands."""
    write: Callable[..., Any] = JobFolder.write_image_list
    count = 0

    def breaking(folder: JobFolder, job_id: str, index: int, data: bytes) -> bytes:
        nonlocal count
        count += 1
        if count == calls and not after_write:
            raise error
        standing: bytes = write(folder, job_id, index, data)
        if count == calls:
            raise error
        return standing

    monkeypatch.setattr(JobFolder, "write_image_list", breaking)


@pytest.mark.parametrize("after_write", [False, True])
@pytest.mark.parametrize("request_fields", [{}, {"first_n": 70}, {"sample_n": 50}, {"list": True}])
@pytest.mark.parametrize("calls", [1, 2, 4])
def test_planner_that_died_is_continued(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    calls: int,
    request_fields: dict[str, Any],
    after_write: bool,
) -> None:
    bench.add(*names(100), "x.txt")
    fields = dict(request_fields)
    if fields.pop("list", False):
        fields["images"] = tuple(RequestedImage(name) for name in [*names(90), *names(5)])
    # What an undisturbed planner lists.
    other = "c" * 32
    bench.accept(other, **fields)
    plan_job(bench.context, other)
    undisturbed = bench.folder.read_plan(other)

    bench.accept(**fields)
    with monkeypatch.context() as patch:
        fail_after(patch, calls, SystemExit(), after_write)
        with contextlib.suppress(SystemExit):
            plan_job(bench.context, J)
    plan_after_crash(bench)
    plan = bench.folder.read_plan(J)
    assert (plan.images, plan.skipped) == (undisturbed.images, undisturbed.skipped)
    assert plan.duplicates == undisturbed.duplicates
    expected = [
        image.name
        for index in range(undisturbed.shards)
        for image in decode_image_list(bench.folder.read_image_list(other, index))
    ]
    assert listed(bench) == expected
    job = bench.store.get(J)
    assert job and job.progress.images == len(expected) and job.progress.listing_over


def plan_after_crash(bench: Bench) -> None:
    """The next planner comes once the lease of the dead one is gone."""
    bench.store._redis.delete(f"megabatch:job:{J}:leases")
    plan_job(bench.context, J)


def test_second_planner_adopts_what_the_first_wrote(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(*names(40))
    bench.accept()
    write = JobFolder.write_image_list
    standing = b""

    def other_was_first(folder: JobFolder, job_id: str, index: int, data: bytes) -> bytes:
        nonlocal standing
        if index == 1 and not standing:
            # The folder changed in between: the other planner saw one image more.
            bench.add("0016a.jpg")
            standing = write(folder, job_id, index, data)
            return b"another list"
        return write(folder, job_id, index, data)

    monkeypatch.setattr(JobFolder, "write_image_list", other_was_first)
    plan_job(bench.context, J)
    assert not bench.store.get(J).progress.listing_over  # type: ignore[union-attr]
    plan_job(bench.context, J)
    found = listed(bench)
    assert len(found) == len(set(found)) and set(names(40)) <= set(found)


def lose_a_second(bench: Bench) -> Callable[[], None]:
    """Redis dies, and begins with what is on its disk now. Returns what does so."""
    client = bench.store._redis
    kept = {key: client.dump(key) for key in client.scan_iter()}

    def begin_again() -> None:
        client.flushall()
        for key, value in kept.items():
            client.restore(key, 0, value)

    return begin_again


def lose_all(bench: Bench) -> Callable[[], None]:
    """Redis begins empty, and the reaper brings the job back before another planner comes."""

    def begin_empty() -> None:
        bench.store._redis.flushall()
        Reaper(bench.context).round()

    return begin_empty


@pytest.mark.parametrize("lose", [lose_a_second, lose_all])
def test_planner_that_lives_tells_again_of_what_redis_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, lose: Callable[[Bench], Callable[[], None]]
) -> None:
    bench.add(*names(100))
    bench.accept()
    write = JobFolder.write_image_list
    known: dict[int, int] = {}
    begin_again: Callable[[], None] | None = None

    def losing(folder: JobFolder, job_id: str, index: int, data: bytes) -> bytes:
        nonlocal begin_again
        job = bench.store.get(J)
        known[index] = job.progress.shards if job else 0
        if index == 1:
            begin_again = lose(bench)
        if index == 2 and begin_again:
            begin_again()
        return write(folder, job_id, index, data)

    monkeypatch.setattr(JobFolder, "write_image_list", losing)
    plan_job(bench.context, J)
    assert known == {0: 0, 1: 1, 2: 2, 3: 3}
    job = bench.store.get(J)
    assert job and job.progress.listing_over
    assert (job.progress.shards, job.progress.images) == (4, 100)


def test_planner_that_tells_again_counts_first_what_is_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(*names(100))
    bench.accept()
    write = JobFolder.write_image_list

    def losing(folder: JobFolder, job_id: str, index: int, data: bytes) -> bytes:
        if index == 2:
            run(bench, 0)
            lose_all(bench)()
            bench.outbox.clear()
        return write(folder, job_id, index, data)

    monkeypatch.setattr(JobFolder, "write_image_list", losing)
    plan_job(bench.context, J)
    sent = [message.index for message in bench.outbox if message.task == "run_shard"]
    assert sent == [1, 2, 3] and bench.store.unfinished(J, [0]) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StorageTrouble("the container is away"), "listing_failed: the container is away"),
        (
            ContainerError("a name breaks it", code="listing_failed"),
            "listing_failed: a name breaks it",
        ),
        (ContainerError("no such host", code="host_not_found"), "host_not_found: no such host"),
    ],
)
def test_listing_that_fails_for_good_aborts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    bench.add(*names(40))
    bench.accept()
    with monkeypatch.context() as patch:
        for _ in range(MAX_LISTING_ERRORS):
            assert status(bench) is JobStatus.QUEUED
            fail_after(patch, 1, error, False)
            with pytest.raises(type(error)):
                plan_job(bench.context, J)
    job = bench.store.get(J)
    assert job and job.reason == reason


def test_folder_that_may_not_be_opened_aborts_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(*names(40))
    bench.accept()
    with monkeypatch.context() as patch:
        fail_after(patch, 1, ContainerError("let me in", code="folder_not_readable"), False)
        plan_job(bench.context, J)
    job = bench.store.get(J)
    assert job and job.reason == "folder_not_readable: let me in"


HOST = "acct.blob.core.windows.net"


@pytest.fixture
def azure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A worker that reads from this machine, with next to no wait, as if it were Azure."""
    ranges = (ipaddress.ip_network("127.0.0.0/8"),)
    bench.context.settings = msgspec.structs.replace(
        bench.context.settings, allowed_private_ranges=ranges
    )
    hasty = Patience(tries=2, first_wait=0.001)
    monkeypatch.setattr("workers.context.open_container", partial(open_container, patience=hasty))
    found(monkeypatch, HOST, "127.0.0.1")
    return bench


def found(monkeypatch: pytest.MonkeyPatch, name: str, address: str | None) -> None:
    """Let lookups of this name give the address, or say that there is no such name."""
    look_up: Callable[..., Any] = socket.getaddrinfo

    def answer(host: str, *arguments: Any, **options: Any) -> Any:
        if host != name:
            return look_up(host, *arguments, **options)
        if address is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(address, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_listing_that_meets_internal_errors_for_a_while_goes_on(azure: Bench) -> None:
    with serving(*[Reply(500)] * 2, LISTED) as server:
        azure.accept(container_url=f"http://{HOST}:{server.port}/ccc?sp=rl&sig=CaNaRy")
        with pytest.raises(ContainerError, match="internal error"):
            plan_job(azure.context, J)
        assert status(azure) is JobStatus.QUEUED
        plan_job(azure.context, J)
    assert listed(azure) == ["a.jpg"]


def test_host_that_is_not_found_for_a_while_ends_no_job(
    azure: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(LISTED) as server:
        azure.accept(container_url=f"http://{HOST}:{server.port}/ccc?sp=rl&sig=CaNaRy")
        with monkeypatch.context() as patch, pytest.raises(ContainerError, match="no host"):
            found(patch, HOST, None)
            plan_job(azure.context, J)
        assert status(azure) is JobStatus.QUEUED
        plan_job(azure.context, J)
    assert listed(azure) == ["a.jpg"]


@pytest.mark.parametrize(
    ("number", "code", "query", "words"),
    [
        (404, "ContainerNotFound", "?sp=rl&sig=CaNaRy", "no such container"),
        (409, "ContainerBeingDeleted", "?sp=rl&sig=CaNaRy", "no such container"),
        (403, "AuthorizationPermissionMismatch", "?sp=rl&sig=CaNaRy", "List"),
        (404, "ResourceNotFound", "", "needs a SAS"),
        (409, "PublicAccessNotPermitted", "", "needs a SAS"),
    ],
)
def test_container_that_is_gone_or_closed_while_it_is_listed_pauses_its_job(
    azure: Bench, number: int, code: str, query: str, words: str
) -> None:
    gone = Reply(number, headers={"x-ms-error-code": code})
    with serving(gone, LISTED) as server:
        azure.accept(container_url=f"http://{HOST}:{server.port}/ccc{query}")
        plan_job(azure.context, J)
        job = azure.store.get(J)
        assert job and job.status is JobStatus.PAUSED and words in (job.reason or "")
        assert azure.store.renew_container(azure.folder.read_job(J))
        plan_job(azure.context, J)
    assert listed(azure) == ["a.jpg"]


def test_expired_sas_pauses_and_resuming_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(*names(100))
    bench.accept()
    with monkeypatch.context() as patch:
        fail_after(patch, 3, AccessRevoked(), False)
        plan_job(bench.context, J)
    assert status(bench) is JobStatus.PAUSED
    bench.outbox.take()
    assert bench.store.renew_container(accepted_job(J))
    assert Message("plan_job", J) in bench.outbox
    plan_job(bench.context, J)
    assert listed(bench) == names(100)


@pytest.mark.parametrize("leaves_mount_point", [False, True])
def test_folder_that_goes_away_while_it_is_listed_is_listed_to_its_end_once_it_is_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, leaves_mount_point: bool
) -> None:
    files = [f"{folder}/{name}" for folder in "abcd" for name in names(25)]
    bench.add(*files)
    bench.accept()
    away = bench.pictures.with_name("unplugged")
    defaults = {**(LocalFolder.__init__.__kwdefaults__ or {}), "page_size": 20}
    monkeypatch.setattr(LocalFolder.__init__, "__kwdefaults__", defaults)
    write: Callable[..., Any] = JobFolder.write_image_list

    def unplugging(folder: JobFolder, job_id: str, index: int, data: bytes) -> bytes:
        if index == 0:
            bench.pictures.rename(away)
            if leaves_mount_point:
                bench.pictures.mkdir()
        return bytes(write(folder, job_id, index, data))

    with monkeypatch.context() as patch, pytest.raises(StorageTrouble):
        patch.setattr(JobFolder, "write_image_list", unplugging)
        plan_job(bench.context, J)
    if leaves_mount_point:
        with pytest.raises(StorageTrouble):  # which is opened now, and empty
            plan_job(bench.context, J)
        bench.pictures.rmdir()
    away.rename(bench.pictures)
    plan_job(bench.context, J)
    assert listed(bench) == files and bench.folder.read_plan(J).images == len(files)


@pytest.mark.parametrize("left", [(), ("NOT MOUNTED.txt",)])
@pytest.mark.parametrize(
    "fields",
    [{}, {"first_n": 70}, {"sample_n": 50}, {"sample_n": 50, "legacy": True}, {"prefix": "0"}],
)
def test_folder_in_which_nothing_is_left_that_was_listed_does_not_end_the_list(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], left: tuple[str, ...]
) -> None:
    bench.add(*names(100))
    legacy, asked = "legacy" in fields, {k: v for k, v in fields.items() if k != "legacy"}
    job = accepted_job(J, container_url=str(bench.pictures), **asked)
    bench.folder.accept(msgspec.structs.replace(job, legacy=legacy))
    bench.store.create(job)
    with monkeypatch.context() as patch:
        fail_after(patch, 2, SystemExit(), True)
        with contextlib.suppress(SystemExit):
            plan_job(bench.context, J)
    away = bench.pictures.with_name("unplugged")
    bench.pictures.rename(away)
    bench.pictures.mkdir()
    bench.add(*left)
    with pytest.raises(StorageTrouble):
        plan_after_crash(bench)
    assert status(bench) is JobStatus.RUNNING
    shutil.rmtree(bench.pictures)
    away.rename(bench.pictures)
    plan_job(bench.context, J)
    wanted = fields.get("first_n") or fields.get("sample_n") or 100
    assert bench.folder.read_plan(J).images == len(set(listed(bench))) == wanted


def test_wiped_redis_is_filled_again_from_the_storage(bench: Bench) -> None:
    bench.add(*names(100))
    bench.accept()
    plan_job(bench.context, J)
    before = bench.store.get(J)
    bench.store._redis.flushall()
    bench.store.create(bench.folder.read_job(J))
    plan_job(bench.context, J)
    after = bench.store.get(J)
    assert before and after and before.progress == after.progress


def test_cancelled_job_stays_cancelled_when_redis_was_wiped(bench: Bench) -> None:
    bench.add(*names(5))
    bench.accept()
    bench.folder.mark_cancelled(J)
    plan_job(bench.context, J)
    assert status(bench) is JobStatus.MERGING
    assert bench.store.get(J).progress.images == 0  # type: ignore[union-attr]


def test_planning_twice_changes_nothing(bench: Bench) -> None:
    bench.add(*names(20))
    bench.accept()
    plan_job(bench.context, J)
    before = bench.store.get(J)
    plan_job(bench.context, J)
    assert bench.store.get(J) == before


def test_secret_of_the_container_is_sealed_in_job_json(bench: Bench) -> None:
    url = "https://x.blob.core.windows.net/c?sv=1&sp=rl&sig=CANARY"
    bench.accept(container_url=url)
    stored = [path.read_bytes() for path in bench.pictures.parent.rglob("job.json")]
    assert len(stored) == 1 and b"CANARY" not in stored[0]
    assert json.loads(stored[0])["job"]["request"]["container_url"].endswith("/c")
    assert bench.folder.read_job(J).request.container_url == url


def test_container_that_changed_while_no_planner_lived_is_listed_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # These sort one way as whole names, and another way folder by folder.
    bench.add(*(f"{folder}/{name}" for folder in ("a", "a-b", "a b") for name in names(30)))
    bench.accept()
    with monkeypatch.context() as patch:
        fail_after(patch, 4, SystemExit(), False)
        with contextlib.suppress(SystemExit):
            plan_job(bench.context, J)
    before = listed(bench)
    (bench.pictures / before[-1]).unlink()
    bench.add("a/0000a.jpg", "a-b/0000a.jpg", "z.jpg")
    plan_after_crash(bench)
    after = listed(bench)
    assert after[: len(before)] == before and len(after) == len(set(after))
    there = {str(path.relative_to(bench.pictures)) for path in bench.pictures.rglob("*.jpg")}
    assert set(after) == there | {before[-1]}


def test_damaged_output_does_not_stop_the_planner(bench: Bench) -> None:
    bench.add(*names(40))
    bench.accept()
    bench.folder.write_shard_output(J, 0, b"rubbish\n")
    plan_job(bench.context, J)
    assert listed(bench) == names(40) and bench.store.unfinished(J, [0]) == [0]


@pytest.mark.parametrize("error", [Unavailable(), ConfigError()])
def test_trouble_of_ours_is_not_counted_against_the_listing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bench.add(*names(40))
    bench.accept()
    with monkeypatch.context() as patch:
        fail_after(patch, 1, error, False)
        plan_job(bench.context, J)
    lease = bench.store.claim(J, "plan", "other")
    assert lease and lease.errors == 0


def test_plan_that_ends_before_the_last_image_list_ends_the_listing_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(*names(40))
    bench.accept()
    write = JobFolder.write_plan

    def other_had_seen_less(folder: JobFolder, job_id: str, plan: Plan) -> Plan:
        write(folder, job_id, Plan(images=32, shards=2))
        return write(folder, job_id, plan)

    monkeypatch.setattr(JobFolder, "write_plan", other_had_seen_less)
    plan_job(bench.context, J)
    job = bench.store.get(J)
    assert job and job.progress.listing_over
    assert (job.progress.images, job.progress.shards) == (32, 2)


def test_planner_opens_the_container_anew(bench: Bench) -> None:
    bench.add(*names(3))
    bench.accept()
    _, before = bench.context.open_job(J)  # with a SAS that may have expired since
    plan_job(bench.context, J)
    assert bench.context.open_job(J)[1] is not before
