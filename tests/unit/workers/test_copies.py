"""Our storage is copied while a job goes on, and restored from the copy: the job ends as it must.

Every way in which a copy can turn out is tried: a job's writes are recorded, and then laid between
the steps of the copying, in several orders.
"""

import itertools
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.config import Settings
from core.jobs import FinalRecord, JobStatus, utc_now
from core.retention import KEPT_AFTER_END
from core.storage import Storage
from tests.integration.oracle import expected_images
from tests.pictures import jpeg
from tests.unit.workers.conftest import Bench, J
from tests.unit.workers.test_aggregator import served
from workers import recovery
from workers.aggregator import merge_job
from workers.cleaner import Cleaner
from workers.planner import plan_job
from workers.reaper import Reaper
from workers.recovery import mend_end
from workers.shard_runner import run_shard

#: Of one job: two shards, or four.
IMAGES, MORE_IMAGES = 20, 60
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


def restored(
    bench: Bench, root: Path, copy: Files, begins: Sequence[type[Cleaner | Reaper]]
) -> list[dict[str, Any]]:
    """What a job's results hold that goes on from a copy, with an empty Redis.

    `begins`: who looks at it first.
    """
    shutil.rmtree(root)
    for path, data in copy.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    bench.store._redis.flushall()
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
    made = copies(states, order, passes)
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
    for seed in range(100):
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


def ended(bench: Bench) -> FinalRecord:
    """A job that has ended, and of which the results file is missing."""
    drive(bench)
    final = bench.folder.read_final(J)
    assert final.results
    bench.folder._storage.delete(final.results)
    return final


def test_a_job_of_long_ago_is_not_done_again(
    bench: Bench, pictures: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.accept()
    final = ended(bench)
    monkeypatch.setattr(recovery, "utc_now", lambda: final.finished_at + KEPT_AFTER_END)
    assert list(bench.folder.sweep_shard_outputs(J))
    assert not mend_end(bench.folder, J)
    assert bench.folder.read_final(J) == final


def test_a_deleted_job_is_not_done_again(bench: Bench, pictures: Files) -> None:
    bench.accept()
    final = ended(bench)
    job = bench.folder.read_shown(J)
    bench.folder.retention.bury(bench.folder.retention.begin_sweep(job, final, utc_now()))
    assert not mend_end(bench.folder, J)


def test_what_was_to_be_done_after_the_end_is_forgotten_with_it(
    bench: Bench, pictures: Files
) -> None:
    bench.accept()
    ended(bench)
    assert mend_end(bench.folder, J)
    assert bench.folder.live_ids() == [J] and list(bench.folder.retention.ended_jobs()) == []


def test_a_list_that_a_listing_passed_by_is_not_missed(
    bench: Bench, pictures: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.accept()
    plan_job(bench.context, J)
    names = Storage.names
    monkeypatch.setattr(Storage, "names", lambda *known: names(*known)[1:])
    assert bench.folder.torn.mend_lists(J) == []
    monkeypatch.undo()
    assert bench.folder.count_image_lists(J) == bench.folder.read_plan(J).shards
