import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from cli.processes import ChildSpec, Supervisor, tail

#: A process that has started writes its id here.
STARTED = "import os, pathlib; pathlib.Path('started').open('a').write(f'{os.getpid()}\\n');"
SLEEP = STARTED + "import time; time.sleep(600)"
#: Does not stop when asked, and has a child that does not either.
STUBBORN = (
    "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}]);" + SLEEP
)


def until(true: Callable[[], object]) -> None:
    """Waits for what must come; the test's own timeout ends it if it does not."""
    while not true():
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has waited for yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def supervisor(lines: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(lines.append, waits=(0.0, 0.05))
    yield supervisor
    supervisor.stop(0)


@pytest.fixture
def spec(tmp_path: Path) -> Callable[[str], ChildSpec]:
    def make(code: str) -> ChildSpec:
        return ChildSpec(
            name="child",
            command=(sys.executable, "-c", code),
            environment={**os.environ, "GREETING": "hello"},
            folder=tmp_path,
            log=tmp_path / "logs" / "child.log",
        )

    return make


def started(folder: Path) -> list[int]:
    try:
        return [int(line) for line in (folder / "started").read_text().splitlines()]
    except FileNotFoundError:
        return []


Spec = Callable[[str], ChildSpec]


def test_a_child_gets_its_environment_and_folder_and_writes_to_its_log(
    supervisor: Supervisor, spec: Spec, tmp_path: Path
) -> None:
    code = "import os, sys; print(os.environ['GREETING']); sys.stderr.write(os.getcwd())"
    child = supervisor.start(spec(code))
    assert child.process.wait() == 0
    assert child.spec.log.read_text() == f"hello\n{tmp_path}"


def test_a_child_that_ends_is_started_again(
    supervisor: Supervisor, spec: Spec, tmp_path: Path, lines: list[str]
) -> None:
    supervisor.start(spec(STARTED + "raise SystemExit(7)"))

    def tended() -> bool:
        supervisor.tend()
        return len(started(tmp_path)) >= 3

    until(tended)
    assert len(set(started(tmp_path))) >= 3
    assert "child ended with exit code 7; starting it again in 0 s" in lines[0]
    assert lines[1].startswith("child started again (process ")
    assert "starting it again in 0.05 s" in lines[2]


def test_a_child_killed_by_a_signal_is_told_as_shells_tell_it(
    supervisor: Supervisor, spec: Spec, tmp_path: Path, lines: list[str]
) -> None:
    supervisor.start(spec(SLEEP))
    until(lambda: started(tmp_path))
    os.kill(started(tmp_path)[0], signal.SIGKILL)

    def told() -> bool:
        supervisor.tend()
        return bool(lines)

    until(told)
    assert "child ended with exit code 137" in lines[0]


def test_a_running_child_is_left_alone(
    supervisor: Supervisor, spec: Spec, tmp_path: Path, lines: list[str]
) -> None:
    child = supervisor.start(spec(SLEEP))
    until(lambda: started(tmp_path))
    supervisor.tend()
    assert child.running
    assert supervisor.ended() is None
    assert lines == []


def test_the_waits_grow_and_begin_anew_after_a_healthy_run(
    supervisor: Supervisor, spec: Spec, lines: list[str]
) -> None:
    child = supervisor.start(spec("pass"))
    child.process.wait()
    child.restarts = 5
    child._started -= 3600
    supervisor.tend()
    assert "again in 0 s" in lines[0]


def test_stop_lets_a_child_finish_its_work(
    supervisor: Supervisor, spec: Spec, tmp_path: Path, lines: list[str]
) -> None:
    code = (
        "import signal, sys;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')));" + SLEEP
    )
    child = supervisor.start(spec(code))
    until(lambda: started(tmp_path))
    supervisor.stop()
    assert child.spec.log.read_text() == "bye\n"
    assert lines == []
    assert supervisor.children == []


def test_stop_kills_what_does_not_stop_and_its_children(
    supervisor: Supervisor, spec: Spec, tmp_path: Path, lines: list[str]
) -> None:
    supervisor.start(spec(STUBBORN))
    until(lambda: len(started(tmp_path)) == 2)
    supervisor.stop(0.1)
    until(lambda: not any(alive(pid) for pid in started(tmp_path)))
    assert lines == ["child did not stop within 0.1 s: killed"]


def test_grandchildren_do_not_outlive_a_child_that_crashed(
    supervisor: Supervisor, spec: Spec, tmp_path: Path
) -> None:
    supervisor.start(spec(STUBBORN))
    until(lambda: len(started(tmp_path)) == 2)
    before = started(tmp_path)
    os.kill(before[0], signal.SIGKILL)
    os.kill(before[1], signal.SIGSTOP)  # neither may need to cooperate

    def gone() -> bool:
        supervisor.tend()
        return not any(alive(pid) for pid in before)

    until(gone)


def test_what_is_kept_open_stays_open_as_long_as_the_child_runs(
    supervisor: Supervisor, spec: Spec, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    supervisor.start(msgspec.structs.replace(spec(SLEEP), kept_open=(writer,)))
    os.close(writer)
    until(lambda: started(tmp_path))
    with pytest.raises(BlockingIOError):
        os.read(reader, 1)
    supervisor.stop(0)
    assert os.read(reader, 1) == b""
    os.close(reader)


PARENT = """
import pathlib, sys, time
from cli.processes import ChildSpec, Supervisor
here = pathlib.Path(sys.argv[1])
spec = ChildSpec(name="child", command=(sys.executable, "-c", sys.argv[2]), environment={},
    folder=here, log=here / "log")
Supervisor(print).start(spec)
time.sleep(600)
"""


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_children_die_with_the_supervisor_however_it_dies(
    tmp_path: Path, signal_number: int
) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), SLEEP]) as parent:
        until(lambda: started(tmp_path))
        parent.send_signal(signal_number)
    until(lambda: not alive(started(tmp_path)[0]))


def test_tail_is_the_end_of_a_long_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff\n" + b"\n".join(b"line %d" % n for n in range(5000)))
    assert tail(log, 2) == "line 4998\nline 4999"
    assert tail(tmp_path / "absent") == ""
