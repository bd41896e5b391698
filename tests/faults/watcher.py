"""Stands before every call of a public method: notes it in the trace, and lets faults strike."""

import functools
import inspect
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import msgspec
import redis

from core.errors import JobFolderTrouble, Unavailable
from core.job_store import Lease
from tests.faults.boundaries import watched_methods
from tests.faults.broker import Broker
from tests.faults.clock import wipe
from tests.faults.faults import STRUCK, Call, Fault, Run, Strike, trace_file

#: Exit status of a process that a fault killed.
KILLED_EXIT = 9
#: The one method whose call lasts as long as a `with` block.
WRITER = "JobFolder.results_writer"
CLAIM, RENEW = "JobStore.claim", "JobStore.renew"
#: Stands in the folder of a run while a process of it sleeps.
ASLEEP = "asleep"
_NOTHING = object()


class Watcher:
    """Watches over the calls of one process."""

    def __init__(
        self,
        run: Run,
        process: int,
        client: redis.Redis,
        broker: Broker,
        *,
        strike: Strike | None,
        overtakes: bool,
    ) -> None:
        self._client, self._broker = client, broker
        self._process, self._strike = process, strike
        self._held_file, self._asleep = run.folder / "held", run.folder / ASLEEP
        #: The unit that this process is to take from a sleeper, and to stop with.
        self._wanted = self._held_file.read_text() if overtakes else None
        #: The unit whose lease this process got last.
        self._held = ""
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._trace = os.open(trace_file(run.folder), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        #: The process was asleep; it ends what it is at, and no more.
        self.overslept = False
        #: What the last renewal of a lease came to.
        self.renewal = ""

    def install(self) -> None:
        """From now on, in this process, for good."""
        for watched, name in watched_methods():
            method, whole = f"{watched.__name__}.{name}", getattr(watched, name)
            setattr(watched, name, functools.wraps(whole)(self._watched(method, whole)))

    def note(self, method: str, about: str = "", outcome: str = "") -> None:
        line = msgspec.json.encode(Call(self._process, method, about, outcome))
        os.write(self._trace, line + b"\n")  # at once and whole, whatever dies next

    def _watched(self, method: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(whole):
            return self._generator(method, whole)
        return self._writer(method, whole) if method == WRITER else self._call(method, whole)

    def _call(self, method: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            fault = self._begin(method)
            try:
                if fault is Fault.TWICE:
                    whole(*arguments, **named)
                result = whole(*arguments, **named)
            except Exception:
                self._end(fault, method, _about(arguments), "raised")
                raise
            self._end(fault, method, _about(arguments), _outcome(method, result))
            return result

        return call

    def _generator(self, method: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        """Its call begins when the first item is asked for, and has taken effect with it."""

        def items(*arguments: Any, **named: Any) -> Iterator[Any]:
            fault = self._begin(method)
            if fault is Fault.TWICE:
                for _ in whole(*arguments, **named):
                    pass
            made = whole(*arguments, **named)
            first = next(made, _NOTHING)
            self._end(fault, method, _about(arguments))
            if first is not _NOTHING:
                yield first
                yield from made

        return items

    def _writer(self, method: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def writer(*arguments: Any, **named: Any) -> Iterator[Any]:
            fault = self._begin(method)
            try:
                with whole(*arguments, **named) as opened:
                    yield opened
            finally:
                self._end(fault, method)  # whether the file appeared or was given up

        return writer

    def _begin(self, method: str) -> Fault | None:
        with self._lock:
            self._counts[method] += 1
            nth = self._counts[method]
        strike = self._strike
        if strike is None or (strike.method, strike.nth) != (method, nth):
            return None
        self.note(STRUCK, method)
        self._strike_before(strike.fault, method)
        return strike.fault

    def _strike_before(self, fault: Fault, method: str) -> None:
        if fault is Fault.RAISED_BEFORE:
            _raise(method)
        elif fault is Fault.KILLED_BEFORE:
            os._exit(KILLED_EXIT)
        elif fault is Fault.WIPED:
            wipe(self._client)
        elif fault in (Fault.OVERTAKEN, Fault.OVERSLEPT):
            self.overslept = True
            self._held_file.write_text(self._held)
            self._asleep.touch()
            _stop()
            self._asleep.unlink()
        self._broker.muted = fault is Fault.RAISED_AFTER

    def _end(self, fault: Fault | None, method: str, about: str = "", outcome: str = "") -> None:
        self.note(method, about, outcome)
        if fault is Fault.RAISED_AFTER:
            self._broker.muted = False
            _raise(method)
        elif fault is Fault.KILLED_AFTER:
            os._exit(KILLED_EXIT)
        elif method == RENEW:
            self.renewal = outcome
        elif outcome == "leased":
            self._claimed(about)

    def _claimed(self, index_or_unit: str) -> None:
        self._held = index_or_unit
        if self._held == self._wanted:
            self._wanted = None
            _stop()


def _raise(method: str) -> NoReturn:
    kind = Unavailable if method.startswith("JobStore.") else JobFolderTrouble
    raise kind(f"a fault at {method}")


def _stop() -> None:
    # Said to this very thread, so that it goes no further.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def _about(arguments: tuple[Any, ...]) -> str:
    """The unit of a lease, or what stands behind a job's id, such as a shard's index."""
    _, *rest = arguments
    if rest and isinstance(rest[0], Lease):
        return rest[0].unit
    return str(rest[1]) if len(rest) > 1 and isinstance(rest[1], int | str) else ""


def _outcome(method: str, result: Any) -> str:
    if method == CLAIM:
        return "refused" if result is None else "leased"
    return str(result) if method == RENEW else ""
