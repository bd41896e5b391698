import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from detection.file_lock import held_alone

HOLD = """
import sys, time
from pathlib import Path
from detection.file_lock import held_alone
with held_alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_holds_it_at_a_time_and_it_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held_alone(path):
        with pytest.raises(BlockingIOError), held_alone(path):
            pass
        assert path.exists()
    assert not path.exists()
    with held_alone(path):
        pass


def test_it_is_given_up_by_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError), held_alone(path):
            pass
        other.send_signal(signal.SIGKILL)
    assert path.exists()
    with held_alone(path):
        pass
    assert not path.exists()


def test_it_is_held_by_one_although_it_is_made_anew_each_time(tmp_path: Path) -> None:
    path, inside, most, left = tmp_path / "lock", 0, 0, 400

    def hold_often() -> None:
        nonlocal inside, most, left
        while left > 0:
            with suppress(BlockingIOError), held_alone(path):
                inside += 1
                most = max(most, inside)
                left -= 1
                time.sleep(0)  # lets the others try
                inside -= 1

    threads = [threading.Thread(target=hold_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not path.exists()
