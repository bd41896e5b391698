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
from core.jobs import JobStatus
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

IMAGES = 20
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
    while messages := bench.outbox.take():
        for message in messages:
            place = [] if message.index is None else [message.index]
            work[message.task](bench.context, message.job_id, *place)


@pytest.fixture
def pictures(bench: Bench) -> Files:
    pictures = {f"{n:02d}.jpg": jpeg(n, 24, 16) for n in range(IMAGES)}
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


def restored(bench: Bench, root: Path, copy: Files) -> list[dict[str, Any]]:
    """What a job's results hold that goes on from a copy, with an empty Redis."""
    shutil.rmtree(root)
    for path, data in copy.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    bench.store._redis.flushall()
    Cleaner(bench.context).round()
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
    for copy in made:
        assert restored(bench, root, copy) == expected, sorted(copy)
