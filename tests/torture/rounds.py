"""One round: jobs are submitted, acts are done to what works on them, and all must be right."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.azurite_server import Azurite
from tests.torture.acts import Act
from tests.torture.client import BadManners, Client, RoundOver
from tests.torture.job import Ended, Order, see_through
from tests.torture.mischief import Mischief
from tests.torture.order import disorder
from tests.torture.recovery import Recovery
from tests.torture.stage import Kind, Stage, set_up
from tests.torture.verdict import Verdict

Tell = Callable[[str], None]

_TICK = 0.1
_START_SECONDS = 120
#: All traces must be gone so soon after the last job's end: some are cleared away by a control
#: worker that waits for the lock of one that was killed, 120 s, and then comes every 30 s.
_TIDY_SECONDS = 200
#: Collaborators at a time.
_MOST_JOBS = 12


@dataclass(frozen=True)
class Source:
    """A container, and what the results of a job on it must hold."""

    container: str
    lines: list[bytes]


@dataclass(frozen=True)
class RoundPlan:
    """What is to happen in a round."""

    seed: int
    kind: Kind
    acts: list[Act]
    #: Submitted at once, one job each; the last one again while acts are left to be done.
    sources: list[Source]
    #: Which of these jobs are cancelled, each after so many seconds.
    cancelled: dict[int, float]
    #: Seconds until all must have ended.
    limit: float
    #: Seconds that the hash detector takes for an image.
    delay: float = 0.0
    #: Nothing is done but that detection workers are killed.
    quiet: bool = False


@dataclass
class RoundReport:
    """What has happened."""

    quiet: bool = False
    kills: int = 0
    jobs: int = 0
    cancelled: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    recovery: list[float] = field(default_factory=list)
    claimable: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    #: How often each kind of act was done, and each fault of a proxy has struck.
    acts: dict[str, int] = field(default_factory=dict)
    struck: dict[str, int] = field(default_factory=dict)
    #: Main processes that ended though nobody killed them, and were started again.
    ended: int = 0
    logs: str = ""

    @property
    def sound(self) -> bool:
        return self.verdict.sound and not self.faults


def run_round(plan: RoundPlan, azurite: Azurite, folder: Path, tell: Tell) -> RoundReport:
    with set_up(plan.kind, azurite, folder, plan.seed) as stage:
        return _Round(plan, stage, tell).run()


class _Round:
    def __init__(self, plan: RoundPlan, stage: Stage, tell: Tell) -> None:
        self._plan, self._stage, self._tell = plan, stage, tell
        self._over = threading.Event()
        self._client = Client(stage.system.url, self._over)
        self._recovery = Recovery(stage.direct_redis)
        self._mischief = Mischief(stage, self._recovery, list(plan.acts), self._say)
        self._orders = self._endless_orders()
        self._jobs: list[Future[Ended]] = []
        self._report = RoundReport()

    def run(self) -> RoundReport:
        self._start()
        with ThreadPoolExecutor(_MOST_JOBS) as pool, self._recovery.watching():
            try:
                self._play(pool)
            finally:
                self._over.set()
                self._mischief.undo_all()
        self._client.close()
        self._gather()
        return self._report

    def _say(self, text: str) -> None:
        self._tell(f"{time.monotonic() - self._began:6.1f} s  {text}")

    def _start(self) -> None:
        self._began = time.monotonic()
        self._stage.system.environment["HASH_DETECTOR_DELAY"] = str(self._plan.delay)
        for name in self._stage.names:
            self._stage.start(name)
        until = time.monotonic() + _START_SECONDS
        while self._client.live_workers() < len(self._stage.workers):
            self._client.pause(_TICK)
            if time.monotonic() > until:
                raise TimeoutError(f"the service did not start\n{self._stage.system.logs()}")
        self._say("all processes live")

    def _play(self, pool: ThreadPoolExecutor) -> None:
        for _ in self._plan.sources:
            self._submit(pool)
        until = time.monotonic() + self._plan.limit
        while not self._has_ended():
            if time.monotonic() > until:
                self._report.faults.append(f"not at its end after {self._plan.limit:.0f} s")
                self._report.logs = self._stage.system.logs()
                return
            self._mischief.go_on()
            self._mischief.revive()
            if self._mischief.acts and all(job.done() for job in self._jobs):
                self._submit(pool)
            time.sleep(_TICK)
        self._wait_for_order()

    def _has_ended(self) -> bool:
        if any(job.done() and job.exception() for job in self._jobs):
            return True
        jobs_ended = all(job.done() for job in self._jobs)
        return jobs_ended and self._mischief.is_over and self._recovery.is_healed

    def _submit(self, pool: ThreadPoolExecutor) -> None:
        order = next(self._orders)
        self._jobs.append(pool.submit(see_through, self._client, order))
        wish = order.cancelled_after
        told = f", to be cancelled after {wish:.0f} s" if wish is not None else ""
        self._say(f"{order.key}: {len(order.lines)} images{told}")

    def _endless_orders(self) -> Iterator[Order]:
        sources = self._plan.sources
        for number in itertools.count():
            source = sources[min(number, len(sources) - 1)]
            key = f"round-{self._plan.seed}-job-{number}"
            url = self._stage.url_of(source.container)
            yield Order(key, url, source.lines, self._plan.cancelled.get(number))

    def _wait_for_order(self) -> None:
        ids = [job.result().job_id for job in self._jobs if not job.exception()]
        until = time.monotonic() + _TIDY_SECONDS
        while found := disorder(self._stage, ids):
            if time.monotonic() > until:
                self._report.faults += found
                self._report.logs = self._stage.system.logs()
                return
            time.sleep(_TICK * 5)

    def _gather(self) -> None:
        report = self._report
        report.quiet = self._plan.quiet
        report.kills = self._mischief.kills
        report.jobs = len(self._jobs)
        report.recovery = self._recovery.seconds
        report.claimable = self._recovery.claimable
        report.acts = dict(self._mischief.done)
        report.ended = self._mischief.ended
        for proxy in self._stage.proxies.values():
            for kind, times in proxy.struck.items():
                report.struck[kind] = report.struck.get(kind, 0) + times
        for job in self._jobs:
            self._judge(job)
        if not report.sound and not report.logs:
            report.logs = self._stage.system.logs()

    def _judge(self, job: Future[Ended]) -> None:
        try:
            ended = job.result()
        except RoundOver:
            self._report.faults.append("a job has not ended")
        except BadManners as error:
            self._report.faults.append(str(error))
        else:
            self._report.verdict += ended.verdict
            self._report.cancelled += ended.status == "cancelled"
            self._report.faults += ended.faults
            if not ended.verdict.sound:
                self._report.faults.append(f"{ended.job_id}: {ended.verdict}")
