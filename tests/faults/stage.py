"""What the runs of one test process share: a Redis, pictures, and the server that plays runs."""

import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from core.config import Settings
from core.sealing import new_secret_key
from tests.faults.boundaries import READING
from tests.faults.clients import OWN_WEIGHTS, PARENT
from tests.faults.faults import FOR_READING, STRUCK, Call, Fault, Run, Strike, read_trace
from tests.faults.scenarios import SCENARIOS
from tests.faults.watcher import WRITER
from tests.fixtures.redis_server import RedisServer
from tests.pictures import jpeg

ROOT = Path(__file__).parents[2]

#: What is in the container; the jobs here have two images a shard.
PICTURES = {f"{n}.jpg": jpeg(n, 16, 12) for n in range(5)} | {"bad.jpg": b"not a picture"}
#: The same when a retry looks: what failed is a picture by now.
MENDED = PICTURES | {"bad.jpg": jpeg(9, 16, 12)}
#: What a listing passes over.
OTHER = {"notes.txt": b"x"}


class Stage:
    """Runs are played one after the other, each on an empty Redis and an empty storage."""

    def __init__(self, base: Path, redis: RedisServer, server: subprocess.Popen[bytes]) -> None:
        self._base, self._server = base, server
        self.redis = redis
        self._secret_key = new_secret_key()
        self._played = 0
        _write(base / "pictures", PICTURES | OTHER)
        shutil.copytree(base / "pictures", base / "mended")
        _write(base / "mended", MENDED)
        _write(base, {OWN_WEIGHTS: b"weights"})
        self.counts = cache(self.recount)
        self._before = cache(self._play_before)

    def play(self, scenario: str, strike: Strike | None = None) -> tuple[Run, str]:
        """A run, and how it ended."""
        run = self._run(scenario, strike, SCENARIOS[scenario].job_id)
        after = SCENARIOS[scenario].after
        if after:
            shutil.copytree(self._before(after) / "storage", run.folder / "storage")
        return self._play(run)

    def _play_before(self, scenario: str) -> Path:
        """The folder of a run after which another begins."""
        plain = self._run("plain", None, PARENT)
        run, ending = self._play(plain) if scenario == "plain" else self.play(scenario)
        assert ending == "over"
        return run.folder

    def recount(self, scenario: str) -> dict[str, int]:
        """How often each method is called in a run without a fault."""
        run, ending = self.play(scenario)
        assert ending == "over"
        counts: dict[str, int] = {}
        for call in read_trace(run.folder):
            counts[call.method] = counts.get(call.method, 0) + 1
        return counts

    def strikes(self, scenario: str, method: str) -> list[Strike]:
        """Every fault at each call of a method that is a boundary."""
        faults = FOR_READING if method in READING else tuple(Fault)
        if method == WRITER:  # a file is written by a `with` block, which runs once
            faults = tuple(fault for fault in faults if fault is not Fault.TWICE)
        calls = self._boundaries(scenario, method)
        return [Strike(method, nth, fault) for nth in calls for fault in faults]

    def _boundaries(self, scenario: str, method: str) -> list[int]:
        count = self.counts(scenario).get(method, 0)
        every = list(range(1, count + 1))
        if SCENARIOS[scenario].every_call:
            return every
        return every[:1] if SCENARIOS[scenario].only_first else sorted({*every[:1], *every[-1:]})

    def _run(self, scenario: str, strike: Strike | None, job_id: str) -> Run:
        self._played += 1
        folder = self._base / str(self._played)
        folder.mkdir()
        settings = Settings(
            redis_url=self.redis.url,
            storage_url=f"file://{folder}/storage",
            secret_keys=(self._secret_key,),
            allowed_roots=(self._base,),
            model_files=(self._base / OWN_WEIGHTS,),
        )
        pictures = self._base / ("mended" if SCENARIOS[scenario].mended else "pictures")
        return Run(scenario, folder, pictures, settings, strike, job_id)

    def _play(self, run: Run) -> tuple[Run, str]:
        assert self._server.stdin and self._server.stdout
        self.redis.wipe()
        pickle.dump(run, self._server.stdin)
        self._server.stdin.flush()
        ending: str = pickle.load(self._server.stdout)
        return run, ending


def struck(trace: list[Call]) -> int | None:
    """Where in the trace the fault struck."""
    places = [place for place, call in enumerate(trace) if call.method == STRUCK]
    return places[0] if len(places) == 1 else None


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """What stands there already keeps its version."""
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)


@contextmanager
def open_stage(base: Path, redis: RedisServer) -> Iterator[Stage]:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.fork_server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with server:  # it ends when its stdin does
        yield Stage(base, redis, server)
