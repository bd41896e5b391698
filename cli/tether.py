"""Runs a command that must not outlive the process that started this one.

Started as a script, by its path, with the standard library alone. Standard input is a pipe that
nobody writes to: its other end is held open by the parent, and the kernel closes it however the
parent dies, `kill -9` included. This works on every Unix, where a parent-death signal is Linux's
alone and reaches no grandchildren. Must be the leader of its own process group.
"""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType

#: Seconds between the parent's death and the end of whatever did not stop when asked.
GRACE = 5.0


def _follow_parent(process: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Grandchildren (pool processes) stand in the same group, and so does this process.
        os.killpg(0, signal.SIGKILL)


def run(command: list[str]) -> int:
    """Run the command to its end. Returns its exit code, or 128 + n when signal n ended it."""
    # Stopping is asked of the command alone: a Celery or gunicorn main process stops its own
    # children in good order.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        process.terminate()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_follow_parent, args=(process,), daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
