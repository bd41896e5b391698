"""`megabatch serve` as a person runs it: real processes all through, started by one command."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.progress import LOST
from core.results.validator import validate
from tests.fixtures.redis_server import free_port
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
IMAGES = 400


class Commands:
    """Runs `megabatch` in a folder of its own, against the one service."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._models = models
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        kept = {key: text for key, text in os.environ.items() if not key.startswith("MEGABATCH_")}
        kept.pop("REDIS_URL", None)
        own = {
            "PYTHONPATH": str(ROOT),
            "MEGABATCH_MODEL_FOLDER": str(self._models),
            "MEGABATCH_SERVICE": f"http://127.0.0.1:{self.port}",
        }
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", *words],
                cwd=self.folder,
                env=kept | own,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._started.append(process)
        return process

    def serve(self) -> subprocess.Popen[bytes]:
        """Starts the system, and waits until it says that it runs."""
        log = self.folder / "serve.log"
        before = self.said("serve").count("MegaBatch runs at")
        words = ("--model", "demo", "--data", "data", "--port", str(self.port))
        serve = self.start("serve", *words, "--allow-root", ".")
        self.until(lambda: self.said("serve").count("MegaBatch runs at") > before, str(log))
        return serve

    def said(self, command: str) -> str:
        """What a command wrote to standard error, each time that it ran."""
        log = self.folder / f"{command}.log"
        return log.read_text() if log.exists() else ""

    def job(self, job_id: str) -> dict[str, dict[str, int]]:
        status = self.start("status", job_id, "--json")
        answer, _ = status.communicate(timeout=30)
        job: dict[str, dict[str, int]] = json.loads(answer)
        return job

    def until(self, holds: Callable[[], object], what: str, timeout: float = 90) -> None:
        end = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > end:
                logs = "\n".join(f"== {log}\n{log.read_text()}" for log in self._logs())
                pytest.fail(f"waited {timeout} s in vain for {what}\n{logs}")
            time.sleep(0.1)

    def _logs(self) -> list[Path]:
        return [*self.folder.glob("*.log"), *self.folder.glob("data/logs/*.log")]

    def stop(self) -> None:
        for process in self._started:
            process.send_signal(signal.SIGTERM)
        for process in self._started:
            process.communicate(timeout=60)


@pytest.fixture
def commands(tmp_path: Path, demo_model: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path, demo_model.parent)
    yield commands
    commands.stop()


def descendants(pid: int) -> dict[int, str]:
    """Process id to command line of all that a process has started, and what they have."""
    found: dict[int, str] = {}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found[child] = command_line(child)
            found |= descendants(child)
    return found


def command_line(pid: int) -> str:
    """The words of a process, or nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def is_detection(words: str) -> bool:
    """Whether this is a detection worker's main process, and not the tether that holds it."""
    return words.partition(" ")[2].startswith("-m workers detection")


def write_pictures(folder: Path) -> list[str]:
    names = [f"camera/{number:04d}.jpg" for number in range(IMAGES)]
    (folder / "camera").mkdir(parents=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(jpeg(number))
    return names


@pytest.mark.timeout(240)  # a lease of 30 s must end, and all is started twice
def test_a_job_outlives_the_death_of_a_worker_and_of_serve_itself(
    commands: Commands, tmp_path: Path
) -> None:
    names = write_pictures(tmp_path / "photos")
    serve = commands.serve()
    submit = commands.start("submit", "photos", "-o", "results.json")
    assert submit.stdout is not None
    job_id = submit.stdout.readline().decode().strip()

    def done() -> int:
        return commands.job(job_id)["progress"]["images_done"]

    commands.until(lambda: done() > 0, "the first images")
    before = descendants(serve.pid)
    [worker] = [pid for pid, words in before.items() if is_detection(words)]
    os.kill(worker, signal.SIGKILL)
    commands.until(lambda: "started again" in commands.said("serve"), "another worker")
    assert done() < IMAGES

    before |= descendants(serve.pid)
    serve.kill()
    serve.wait()
    commands.until(lambda: not any(map(command_line, before)), "the end of all that serve started")
    commands.until(lambda: LOST in commands.said("submit"), "a word that the service is away")

    serve = commands.serve()
    assert submit.wait(90) == 0, commands.said("submit")
    assert validate(tmp_path / "results.json").faults == []
    images = json.loads((tmp_path / "results.json").read_text())["images"]
    assert [image["file"] for image in images] == names
    assert all(image["detections"] is not None for image in images)

    after = descendants(serve.pid)
    serve.send_signal(signal.SIGINT)
    assert serve.wait(60) == 0
    assert not any(map(command_line, after))
