"""Doing the acts to a stage, and undoing each when its time has come."""

import heapq
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.torture.acts import OF_CHILDREN, OF_MAIN_ALONE, Act
from tests.torture.processes import family, find, pool_children, signal_all
from tests.torture.recovery import Recovery
from tests.torture.stage import AZURITE, REDIS, Stage

Undo = Callable[[], None]
#: What is said of each act, as it is done.
Tell = Callable[[str], None]


@dataclass
class Mischief:
    """Acts that are still to be done to a stage, and those that are to be undone."""

    stage: Stage
    recovery: Recovery
    acts: list[Act]
    tell: Tell
    #: `kill -9` so far: one an act, whatever dies with it.
    kills: int = 0
    #: Main processes that ended though nobody killed them.
    ended: int = 0
    done: Counter[str] = field(default_factory=Counter)
    _next: float = field(default_factory=time.monotonic)
    #: When, in which order, on whom, and how.
    _undos: list[tuple[float, int, str, Undo]] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """All was done, and undone."""
        return not self.acts and not self._undos

    def go_on(self) -> None:
        """Do and undo what is due."""
        now = time.monotonic()
        while self._undos and self._undos[0][0] <= now:
            heapq.heappop(self._undos)[3]()
        if now >= self._next:
            self._act()

    def undo_all(self) -> None:
        """All is started, continued and repaired at once."""
        while self._undos:
            heapq.heappop(self._undos)[3]()

    def _act(self) -> None:
        """Do the first act whose victim is not suffering already."""
        suffering = {victim for *_, victim, _ in self._undos}
        act = next((one for one in self.acts if one.victim not in suffering), None)
        if act is None:
            return
        self.acts.remove(act)
        self.tell(str(act))
        undo = self._do(act)
        self.done[act.kind] += 1
        now = time.monotonic()
        order = sum(self.done.values())
        heapq.heappush(self._undos, (now + act.lasts, order, act.victim, undo))
        self._next = now + (self.acts[0].pause if self.acts else 0)

    def _do(self, act: Act) -> Undo:
        if act.fault:
            proxy = self.stage.proxies[act.victim]
            proxy.set(act.fault)
            return lambda: proxy.set(None)
        if act.kind == "wipe Redis":
            return self._wipe()
        if act.kind.startswith("stop"):
            return self._stop(act.victim)
        self.kills += 1
        if act.victim == REDIS:
            return self._kill_redis(lost=act.kind != REDIS)
        return self._kill(act)

    def _wipe(self) -> Undo:
        # Asked without end: this is no fault of Redis, and must have happened.
        self.stage.redis.wipe()
        return _nothing

    def _kill_redis(self, *, lost: bool) -> Undo:
        self.stage.redis.kill()
        if lost:
            shutil.rmtree(self.stage.redis.folder / "appendonlydir", ignore_errors=True)
        return self.stage.redis.start

    def _stop(self, victim: str) -> Undo:
        pids = {REDIS: self.stage.redis.pid, AZURITE: self.stage.azurite.process.pid}
        processes = family(pids.get(victim) or self.stage.pid(victim))
        signal_all(processes, signal.SIGSTOP)
        return lambda: signal_all(processes, signal.SIGCONT)

    def _kill(self, act: Act) -> Undo:
        pid = self.stage.pid(act.victim)
        held = self.recovery.held_by(pid) if act.victim in self.stage.workers else []
        if act.kind in OF_CHILDREN:
            signal_all(pool_children(pid), signal.SIGKILL)
            undo = _nothing
        else:
            self.stage.kill(act.victim, whole=act.kind not in OF_MAIN_ALONE)
            undo = self._starting(act.victim)
        self.recovery.begin(held)
        return undo

    def _starting(self, name: str) -> Undo:
        return lambda: self.stage.start(name)

    def revive(self) -> None:
        """Start what has ended though nobody killed it, as the supervisor of a service does.

        Celery's main process ends when a child dies while it connects to the broker again.
        """
        suffering = {victim for *_, victim, _ in self._undos}
        for name in self.stage.names:
            if name not in suffering and find(self.stage.pid(name)) is None:
                self.ended += 1
                self.tell(f"{name} has ended by itself, and is started again")
                self.stage.system.processes.pop(name).wait()
                self.stage.start(name)


def _nothing() -> None:
    """It undoes itself."""
