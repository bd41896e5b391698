"""One process of a service: it plans, runs shards, merges, reaps and cleans, one after the other.

It is told what to do by messages as workers are, and lets time pass when there are none. A client
of the service acts in between.
"""

import logging
import random
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import urlsplit

import redis

from core.errors import MegaBatchError
from core.job_folder import JobFolder
from core.job_reader import PREFIX
from core.job_store import JobStore
from core.jobs import TERMINAL, utc_now
from core.messages import Message
from core.queue import connect_redis
from core.results.format import Detection
from core.webhook_secrets import open_webhook_secrets
from core.webhooks import webhook_guard
from detection.detector import Detector, RgbImage
from tests.faults import clock
from tests.faults.broker import Broker
from tests.faults.faults import DETECTED, Run, Strike, files_of_job
from tests.faults.scenarios import SCENARIOS
from tests.faults.watcher import ASLEEP, Watcher
from tests.hash_detector import HashDetector
from workers.aggregator import merge_job
from workers.cleaner import Cleaner
from workers.context import WorkerContext
from workers.delivering import Deliverer
from workers.planner import plan_job
from workers.reaper import REAP_EVERY, Reaper
from workers.shard_runner import run_shard

logger = logging.getLogger(__name__)

WORK: dict[str, Callable[..., None]] = {
    "plan_job": plan_job,
    "run_shard": run_shard,
    "merge_job": merge_job,
}
#: A job that has not ended after so many steps never will.
MOST_STEPS = 300
#: The cleaner works every 30 s, the reaper every 5 s.
_CLEAN_EVERY = 6


class Hung(Exception):
    """The job does not end."""


class Service:
    """Brings the job of a run to its end, unless a fault ends it first."""

    def __init__(
        self,
        run: Run,
        process: int,
        worker: str,
        *,
        strike: Strike | None = None,
        overtakes: bool = False,
    ) -> None:
        self.run, self.job_id = run, run.job_id
        self.storage = Path(urlsplit(run.settings.storage_url).path)
        self._scenario = SCENARIOS[run.scenario]
        self._client: redis.Redis = connect_redis(run.settings, socket_timeout=10)
        self._broker = Broker(self._client)
        self.watcher = Watcher(
            *(run, process, self._client, self._broker),
            strike=strike,
            overtakes=overtakes,
        )
        self._context = WorkerContext(run.settings, worker, lambda *_: self.detector())
        self._idle = 0
        # Rules may change these.
        self.clock: Callable[[], datetime] = utc_now
        self.detector: Callable[[], Detector] = lambda: NotingDetector(self.watcher)

    def work(self) -> None:
        """Raises Hung."""
        random.seed(0)  # how long is waited between tries is no matter of chance here
        self.watcher.install()
        self._scenario.rules(self)
        self._context.__dict__["store"] = JobStore(self._client, self._broker)
        self._reaper, self._cleaner = Reaper(self._context), Cleaner(self._context, self.clock)
        self._try("heartbeat", lambda: self.store.heartbeat("demo", self._context.worker))
        for _ in range(MOST_STEPS):
            if self.watcher.overslept or not self._step():
                return
        raise Hung

    def _step(self) -> bool:
        """What is next. False when the job is over, and a round after it has changed nothing."""
        for act in self._scenario.acts:
            self._try(act.__name__, partial(act, self))
        message = self._broker.oldest()
        if message:
            self._deliver(message)
            self._idle = 0
        elif self._over() and self._idle:
            return False
        else:
            clock.advance(self._client, REAP_EVERY)
            self._idle += 1
        self._try("reaper", self._reaper.round)
        if self._idle % _CLEAN_EVERY == 1:
            self._try("cleaner", self._cleaner.round)
        return True

    def _deliver(self, message: Message) -> None:
        work = partial(WORK[message.task], self._context, *message.arguments)
        self._try(f"{message.task} {message.index}", work)
        self._broker.end(message)

    def _try(self, what: str, work: Callable[[], None]) -> None:
        """As in the product, whoever works outlives every error."""
        if self.watcher.overslept:
            return
        try:
            work()
        except MegaBatchError as error:
            logger.warning("%s: %s", what, error)
        except Exception:
            logger.exception("%s failed", what)

    def _over(self) -> bool:
        """Redis and our storage agree that the job has ended, or that there is none."""
        live = self.storage / "live"
        if live.is_dir() and any(live.iterdir()):
            return False
        if self._client.zcard(f"{PREFIX}deliveries"):
            return False
        if self._scenario.vanishes:
            return self._vanished()
        return self.ended and self.status in TERMINAL

    def _vanished(self) -> bool:
        """Of a job that ended, or never began, nothing is left."""
        began = self.ended or self.noted("began")
        if not self.years_pass:
            return began and not self.status and not self.stored("")
        return began and not self.status and not files_of_job(self.run)

    # What clients and rules look at.

    @property
    def store(self) -> JobStore:
        return self._context.store

    @property
    def folder(self) -> JobFolder:
        return self._context.folder

    @property
    def ended(self) -> bool:
        """Redis and our storage agreed on it once."""
        if self.status in TERMINAL and self.stored("final.json"):
            self.note("ended")
        return self.noted("ended")

    @property
    def years_pass(self) -> bool:
        """Nobody sleeps so long."""
        return not self.noted(ASLEEP)

    @cached_property
    def deliverer(self) -> Deliverer:
        settings = self.run.settings
        return Deliverer(self._context, open_webhook_secrets(settings), webhook_guard(settings))

    @property
    def status(self) -> str:
        """As Redis has it; empty where it knows no such job."""
        return (self._client.hget(f"{PREFIX}job:{self.job_id}", "status") or b"").decode()

    def stored(self, name: str) -> bool:
        """Whether the job has such a file or folder in our storage."""
        return (self.storage / "jobs" / self.job_id / name).exists()

    @property
    def shard_outputs(self) -> list[Path]:
        return sorted((self.storage / "jobs" / self.job_id / "shards").glob("*.ndjson"))

    def wipe(self) -> None:
        clock.wipe(self._client)

    def note(self, what: str) -> None:
        """For all processes of the run."""
        (self.run.folder / what).touch()

    def noted(self, what: str) -> bool:
        return (self.run.folder / what).exists()


class NotingDetector(HashDetector):
    """Puts each picture that it is given into the trace."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        self._watcher.note(DETECTED)
        return super().detect(batch)
