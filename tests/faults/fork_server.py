"""Plays runs in processes that may really die: `python -m tests.faults.fork_server`.

It has imported all that a run needs and opened nothing, no thread, file or connection; so children
begin at once, each as a new process does. Runs come in by stdin, and how they ended goes out.
"""

import faulthandler
import gc
import logging
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Iterator

import core.job_reader
import workers.reaper
import workers.shard_cutting
from tests.faults.clock import with_moved_clock
from tests.faults.faults import Fault, Run
from tests.faults.service import Hung, Service
from tests.faults.watcher import KILLED_EXIT

#: What is said of a run that ended as it should.
OVER = "over"
_HUNG_EXIT, _BROKEN_EXIT = 3, 4
#: Seconds after which a process of a run counts as hung.
_PATIENCE = 40


def apply_rules() -> None:
    """What is different in all processes of all runs: time, and how small things are."""
    core.job_reader.load_scripts = with_moved_clock(core.job_reader.load_scripts)
    # Two images a shard, however far listing has come.
    workers.shard_cutting._SMALLEST = workers.shard_cutting._FIRST = 2
    # Between two rounds of the reaper no time passes here but Redis's.
    workers.reaper._COMPARE_EVERY = workers.reaper._COUNT_EVERY = 0.0
    # No power is cut here, and processes that die leave what they wrote: nobody waits for a disk.
    os.fsync = _wait_for_no_disk


def _wait_for_no_disk(_descriptor: object) -> None:
    """In place of `os.fsync`; `tests/unit/core/test_durable_files.py` is about that."""


def play(run: Run) -> str:
    """Play a run to its end: `OVER`, or what went wrong."""
    fault = run.strike.fault if run.strike else None
    first = _start(run, 0, "one", strikes=True)
    state = _wait(first)
    if fault in (Fault.OVERTAKEN, Fault.OVERSLEPT) and os.WIFSTOPPED(state):
        state = _play_on_beside(first, run, overtakes=fault is Fault.OVERTAKEN)
    elif fault in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER) and _exit(state) == KILLED_EXIT:
        worker = "one" if fault is Fault.KILLED_BEFORE else "two"
        state = _wait(_start(run, 1, worker))
    return OVER if _exit(state) == 0 else f"{_reason(state)}\n{_log(run)}"


def _play_on_beside(sleeper: int, run: Run, *, overtakes: bool) -> int:
    """Others go on, until the sleeper wakes; how the last of them ended."""
    other = _start(run, 1, "two", overtakes=overtakes)
    state = _wait(other)
    stopped = os.WIFSTOPPED(state)
    os.kill(sleeper, signal.SIGCONT)
    woken = _wait(sleeper)
    if stopped:
        os.kill(other, signal.SIGCONT)
        state = _wait(other)
    if _exit(state) or _exit(woken):
        return state if _exit(state) else woken
    # Whatever the sleeper left behind is put right by now.
    return _wait(_start(run, 2, "three"))


def _start(
    run: Run, process: int, worker: str, *, strikes: bool = False, overtakes: bool = False
) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = _BROKEN_EXIT
    try:
        _set_up(run)
        strike = run.strike if strikes else None
        Service(run, process, worker, strike=strike, overtakes=overtakes).work()
        status = 0
    except Hung:
        status = _HUNG_EXIT
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _set_up(run: Run) -> None:
    """Its log is its own. The alarm ends it whatever it hangs in."""
    log = os.open(run.folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO)
    faulthandler.dump_traceback_later(_PATIENCE - 2)
    signal.alarm(_PATIENCE)


def _wait(pid: int) -> int:
    """The state of a child that ended or stopped."""
    return os.waitpid(pid, os.WUNTRACED)[1]


def _exit(state: int) -> int:
    return os.waitstatus_to_exitcode(state)


def _reason(state: int) -> str:
    reasons = {_HUNG_EXIT: "the job does not end", -signal.SIGALRM: "a process hangs"}
    status = _exit(state)
    return reasons.get(status, f"a process ended with {status}")


def _log(run: Run) -> str:
    return (run.folder / "log").read_text(errors="replace")[-6000:]


def _runs() -> Iterator[Run]:
    while True:
        try:
            yield pickle.load(sys.stdin.buffer)
        except EOFError:
            return


def main() -> None:
    apply_rules()
    gc.disable()
    gc.freeze()  # children share what was imported, as long as nobody touches it
    for run in _runs():
        pickle.dump(play(run), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
