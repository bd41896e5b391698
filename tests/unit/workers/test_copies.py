"""Our storage is copied while a job goes on, and restored from the copy: the job ends as it must.

Every way in which a copy can turn out is tried: a job's writes are recorded, and then laid between
the steps of the copying, in several orders.
"""

import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.config import Settings
from core.deletion import delete_job
from core.jobs import FinalRecord, JobStatus, utc_now
from core.mending import Outcome, open_mending
from core.retention import KEPT_AFTER_END
from core.storage import Storage
from tests.integration.oracle import expected_images
from tests.pictures import jpeg
from tests.unit.workers.conftest import Bench, J
from tests.unit.workers.test_aggregator import served
from workers.aggregator import merge_job
from workers.cleaner import Cleaner
from workers.planner import plan_job
from workers.reaper import Reaper
from workers.shard_runner import run_shard

#: Of one job: two shards, or four.
IMAGES, MORE_IMAGES = 20, 60
#: Of the copies that can be made in an order, one of so many is tried.
_EACH = 5
#: What a storage holds: each path with its bytes.
Files = dict[str, bytes]
Order = Callable[[Sequence[str]], list[str]]


def by_rsync(paths: Sequence[str]) -> list[str]:
    """A folder's own files first, then its folders, each by name."""
    return sorted(paths, key=lambda path: [("/" in rest, rest) for rest in _rests(path)])


def _rests(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.partition("/")[2]


def backwards(paths: Sequence[str]) -> list[str]:
    return by_rsync(paths)[::-1]


def shuffled(seed: int) -> Order:
    return lambda paths: random.Random(seed).sample(sorted(paths), len(paths))


ORDERS: dict[str, Order] = {
    "as rsync": by_rsync,
    "backwards": backwards,
    "shuffled 1": shuffled(1),
    "shuffled 2": shuffled(2),
}


@pytest.fixture(autouse=True)
def no_disk_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


class Recorder:
    """What our storage held after each write of a job."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.states: list[Files] = []

    def note(self) -> None:
        files = (path for path in self._root.rglob("*") if path.is_file())
        state = {str(path.relative_to(self._root)): path.read_bytes() for path in files}
        if not self.states or state.keys() != self.states[-1].keys():
            self.states.append(state)

    def attach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("create", "delete"):
            monkeypatch.setattr(Storage, name, self._noting(getattr(Storage, name)))
        monkeypatch.setattr(Storage, "writer", self._noting_writer(Storage.writer))

    def _noting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*arguments: Any) -> Any:
            answer = method(*arguments)
            self.note()
            return answer

        return noting

    def _noting_writer(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def noting(*arguments: Any) -> Iterator[Any]:
            with method(*arguments) as writer:
                yield writer
            self.note()

        return noting


def drive(bench: Bench) -> None:
    """Do what the messages ask for, until there are none."""
    work: dict[str, Callable[..., None]] = {
        "plan_job": plan_job,
        "run_shard": run_shard,
        "merge_job": merge_job,
    }
    for _ in range(MORE_IMAGES):
        messages = bench.outbox.take()
        for message in messages:
            place = [] if message.index is None else [message.index]
            work[message.task](bench.context, message.job_id, *place)
        if not messages:
            return
    pytest.fail("there is always more to do")


@pytest.fixture
def pictures(bench: Bench, request: pytest.FixtureRequest) -> Files:
    count = getattr(request, "param", IMAGES)
    pictures = {f"{n:02d}.jpg": jpeg(n, 24, 16) for n in range(count)}
    for name, data in pictures.items():
        bench.add(name, content=data)
    return pictures


@pytest.fixture
def root(settings: Settings) -> Path:
    return Path(settings.storage_url.removeprefix("file://"))


@pytest.fixture
def states(
    bench: Bench, pictures: Files, root: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Files]:
    """What our storage held after each write of a job, from its acceptance to its end."""
    recorder = Recorder(root)
    bench.accept()
    with monkeypatch.context() as patch:
        recorder.attach(patch)
        recorder.note()
        drive(bench)
    assert f"live/{J}" in recorder.states[0] and f"live/{J}" not in recorder.states[-1]
    return recorder.states


def copies(states: list[Files], order: Order, passes: int) -> list[Files]:
    """Each copy that can come of so many passes in this order, while the job makes some leap.

    A later pass keeps what an earlier one copied.
    """
    paths = order(sorted(set().union(*states)))
    steps = paths * passes
    found: dict[frozenset[str], Files] = {}
    for before, after in itertools.combinations(states, 2):
        for leap in range(len(steps)):
            seen = [(path, before if n < leap else after) for n, path in enumerate(steps)]
            copy = {path: state[path] for path, state in seen if path in state}
            found[frozenset(copy)] = copy
    return list(found.values())


def put_in_place(bench: Bench, root: Path, copy: Files) -> None:
    """The copy is all that there is, and Redis is empty."""
    shutil.rmtree(root)
    for path, data in copy.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    bench.store._redis.flushall()


def mended(bench: Bench, later: timedelta = timedelta()) -> dict[str, Outcome]:
    return dict(open_mending(bench.context.settings, utc_now() + later).run())


def restored(
    bench: Bench,
    root: Path,
    copy: Files,
    begins: Sequence[type[Cleaner | Reaper]] = (Cleaner, Reaper),
) -> list[dict[str, Any]]:
    """What a job's results hold that goes on from a copy, with an empty Redis.

    `begins`: who looks at it first.
    """
    put_in_place(bench, root, copy)
    mended(bench)
    assert mended(bench) in ({}, {J: "goes on"})
    for begin in begins:
        begin(bench.context).round()
    Reaper(bench.context).round()
    drive(bench)
    final, results = served(bench)
    assert final.status is JobStatus.COMPLETED and bench.folder.live_ids() == []
    images: list[dict[str, Any]] = results["images"]
    return images


@pytest.mark.parametrize("order", ORDERS.values(), ids=list(ORDERS))
@pytest.mark.parametrize("passes", [1, 2])
def test_each_copy_is_enough(
    bench: Bench, root: Path, pictures: Files, states: list[Files], order: Order, passes: int
) -> None:
    made = copies(states, order, passes)[::_EACH]
    expected = expected_images(pictures)
    for copy, begins in zip(made, itertools.cycle([(Cleaner, Reaper), (Reaper, Cleaner)])):
        assert restored(bench, root, copy, begins) == expected, sorted(copy)


def at_random(states: list[Files], seed: int) -> Files:
    """A copy in one pass, in some order, while the job goes on at some pace."""
    chance = random.Random(seed)
    paths = sorted(set().union(*states))
    chance.shuffle(paths)
    moments = sorted(chance.choices(range(len(states)), k=len(paths)))
    seen = zip(paths, moments, strict=True)
    return {path: states[moment][path] for path, moment in seen if path in states[moment]}


@pytest.mark.parametrize("pictures", [IMAGES, MORE_IMAGES], indirect=True)
def test_a_copy_made_in_any_way_is_enough(
    bench: Bench, root: Path, pictures: Files, states: list[Files]
) -> None:
    expected = expected_images(pictures)
    for seed in range(40):
        copy = at_random(states, seed)
        assert restored(bench, root, copy, (Cleaner, Reaper)) == expected, (seed, sorted(copy))


def test_copies_lack_what_they_need(states: list[Files]) -> None:
    """Otherwise the test above would be about nothing."""
    final = f"jobs/{J}/final.json"

    def some(order: Order, passes: int, lacks: Callable[[Files], bool]) -> bool:
        return any(lacks(copy) for copy in copies(states, order, passes))

    def without_files(copy: Files) -> bool:
        return final in copy and not any("/results/" in path for path in copy)

    def without_a_word(copy: Files) -> bool:
        return final not in copy and f"live/{J}" not in copy

    def without_a_list(copy: Files) -> bool:
        first, second = (f"jobs/{J}/images/{n:07d}.ndjson" for n in range(2))
        return second in copy and first not in copy

    # rsync comes to a final record before the files that it names.
    assert not some(by_rsync, 1, without_files)
    assert some(backwards, 1, without_files) and some(backwards, 2, without_files)
    # The second pass finds the end of each job that was no longer live when the first looked.
    assert some(by_rsync, 1, without_a_word) and not some(by_rsync, 2, without_a_word)
    assert some(by_rsync, 2, without_a_list)


def deleted(bench: Bench) -> None:
    """A job that has ended is deleted, with all that it owns."""
    job, final = bench.folder.read_shown(J), bench.folder.read_final(J)
    delete_job(bench.folder, bench.store, job, final, utc_now())
    Cleaner(bench.context).round()


@pytest.fixture
def states_to_deletion(
    bench: Bench, states: list[Files], root: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Files]:
    """The same, until the job was deleted and its files are gone."""
    recorder = Recorder(root)
    with monkeypatch.context() as patch:
        recorder.attach(patch)
        monkeypatch.setattr(Storage, "delete_some", one_by_one)
        deleted(bench)
    assert f"gone/{J}" in recorder.states[-1]
    return [*states[::4], *recorder.states]


def one_by_one(storage: Storage, folder: str) -> int:
    names = storage.names(folder)
    for name in names:
        storage.delete(folder + name)
    return len(names)


@pytest.mark.parametrize("order", ORDERS.values(), ids=list(ORDERS))
def test_a_job_that_was_deleted_meanwhile_is_there_or_is_gone(
    bench: Bench, root: Path, pictures: Files, states_to_deletion: list[Files], order: Order
) -> None:
    expected = expected_images(pictures)
    made = copies(states_to_deletion, order, passes=2)
    assert len(made) > 100
    for copy in made[:: len(made) // 100]:
        if f"jobs/{J}/job.json" in copy and not {f"gone/{J}", f"sweep/{J}"} & set(copy):
            assert restored(bench, root, copy) == expected, sorted(copy)
            continue
        put_in_place(bench, root, copy)
        submitted = set(copy) == {f"live/{J}"}
        assert mended(bench).get(J) in ("is deleted", None)
        Reaper(bench.context).round()
        Cleaner(bench.context).round()
        assert bench.folder._storage.names(f"jobs/{J}/") == [], sorted(copy)
        assert bench.store.get(J) is None and (submitted or bench.folder.live_ids() == [])


def test_what_a_job_had_finished_is_not_cleaned_away_however_old_the_copy_is(
    bench: Bench, root: Path, pictures: Files, states: list[Files]
) -> None:
    """The copy has what was noted after the end of a job, and not its end."""
    end = f"jobs/{J}/final.json"
    copy = {path: data for path, data in states[-1].items() if path != end}
    assert any(path.endswith(f"{J}.parts") for path in copy)
    put_in_place(bench, root, copy)
    assert mended(bench) == {J: "goes on"}
    outputs = bench.folder.shard_outputs(J)
    Cleaner(bench.context, lambda: utc_now() + 2 * KEPT_AFTER_END).round()
    assert bench.folder.shard_outputs(J) == outputs != []


def test_a_cancelled_job_ends_as_one(bench: Bench, root: Path, pictures: Files) -> None:
    """Its image lists have a gap, and nobody plans it before it is cancelled again."""
    bench.accept()
    plan_job(bench.context, J)
    for index in range(bench.folder.read_plan(J).shards):
        run_shard(bench.context, J, index)
    bench.folder.mark_cancelled(J)
    bench.folder._storage.delete(f"jobs/{J}/images/0000000.ndjson")
    bench.store._redis.flushall()
    assert mended(bench) == {J: "goes on"}
    Reaper(bench.context).round()
    bench.store.cancel(J)
    drive(bench)
    final, results = served(bench)
    assert (final.status, results["images"]) == (JobStatus.CANCELLED, [])


def without_results(bench: Bench) -> FinalRecord:
    """A job that has ended, and of which the results file is missing."""
    bench.accept()
    drive(bench)
    final = bench.folder.read_final(J)
    assert final.results
    bench.folder._storage.delete(final.results)
    return final


def test_a_job_that_ended_long_ago_is_not_done_again(bench: Bench, pictures: Files) -> None:
    final = without_results(bench)
    assert list(bench.folder.sweep_shard_outputs(J))
    assert mended(bench, later=KEPT_AFTER_END) == {J: "has lost its results"}
    assert bench.folder.read_final(J) == final and bench.folder.live_ids() == []


def test_a_job_that_can_be_merged_again_is(bench: Bench, pictures: Files) -> None:
    without_results(bench)
    assert mended(bench) == {J: "goes on"}
    assert bench.folder.live_ids() == [J] and list(bench.folder.retention.ended_jobs()) == []


def test_a_whole_job_is_left_as_it_is(bench: Bench, root: Path, pictures: Files) -> None:
    bench.accept()
    drive(bench)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert mended(bench) == {}
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_damaged_job_keeps_no_other_from_being_mended(
    bench: Bench, root: Path, pictures: Files
) -> None:
    without_results(bench)
    other = "0" * 32
    bench.folder._storage.create(f"jobs/{other}/job.json", b"{}")
    bench.folder._storage.create(f"jobs/{other}/final.json", b"damaged")
    assert mended(bench) == {other: "is damaged", J: "goes on"}
    assert (root / f"jobs/{other}/final.json").read_bytes() == b"damaged"
