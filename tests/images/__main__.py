"""`make images`: a job through what the Dockerfiles install and start, on this machine.

Everything runs as the images' user, where this is run as root: what it may not write, it does not.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

from core.sealing import new_secret_key
from tests.fixtures.redis_server import RedisServer, free_port
from tests.images.recipe import ROOT, Image

_USER = 10001
_PATIENCE = 120
_PICTURE = "chelsea.png"
_DEMO = ROOT / ".cache/models/demo.pb"


class Trial:
    """The images, and what is started from them."""

    def __init__(self, folder: Path, redis_url: str, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._port = str(free_port())
        self.service = f"http://127.0.0.1:{self._port}"
        self._settings = {
            "REDIS_URL": redis_url,
            "MEGABATCH_STORAGE_URL": f"file://{folder}/jobs",
            "MEGABATCH_SECRET_KEYS": new_secret_key(),
            "MEGABATCH_ALLOWED_ROOTS": f"{folder}/pictures",
        }

    def image(self, dockerfile: str, without: str = "") -> Image:
        folder = self._folder / dockerfile
        for name in ("tmp", "models"):
            (folder / name).mkdir(parents=True)
            _give(folder / name)
        image = Image(dockerfile, folder)
        print(f"Following {dockerfile}...")
        image.build(without)
        return image

    def start(self, image: Image, command: Sequence[str]) -> None:
        process = subprocess.Popen(self._words(command), **self._rights(image))
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)

    def wait(self, image: Image, health: Sequence[str]) -> None:
        """Until the health check is content."""
        until = time.monotonic() + _PATIENCE
        while self.run(image, health).returncode:
            if time.monotonic() > until:
                raise SystemExit(f"Not well after {_PATIENCE} s: {' '.join(health)}")
            time.sleep(1)
        print("Well:", " ".join(health)[:70])

    def run(self, image: Image, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        rights = self._rights(image)
        return subprocess.run(
            self._words(command), check=False, capture_output=True, text=True, **rights
        )

    def _words(self, command: Sequence[str]) -> list[str]:
        return [word.replace("8080", self._port) for word in command]

    def _rights(self, image: Image) -> dict[str, Any]:
        user = {"user": _USER, "group": _USER, "extra_groups": []} if _is_root() else {}
        environment = {**image.environment, **self._settings, "TMPDIR": f"{image.folder}/tmp"}
        return {"env": environment, "cwd": image.folder, **user}


def _is_root() -> bool:
    return os.geteuid() == 0


def _give(folder: Path) -> None:
    """What the image's user may write to."""
    folder.mkdir(exist_ok=True)
    if _is_root():
        os.chown(folder, _USER, _USER)


def _try(trial: Trial, folder: Path) -> None:
    small = trial.image("api.Dockerfile")
    found = trial.run(small, ["python", "-c", "import tensorflow"])
    assert "No module named 'tensorflow'" in found.stderr, found.stderr
    trial.start(small, small.command)
    trial.wait(small, small.health)
    trial.start(small, ["python", "-m", "workers", "control"])
    large = trial.image("worker.Dockerfile", without="build-gpu gpu")
    fetch = ["megabatch", "models", "fetch", "demo", "--from", f"{folder}/demo.pb"]
    for command in (fetch, ["megabatch", "models", "verify", "demo"]):
        ended = trial.run(large, command)
        assert ended.returncode == 0, ended.stderr
    trial.start(large, [*large.command[:-1], "demo"])
    trial.wait(large, large.health)
    submit = ["megabatch", "submit", f"{folder}/pictures", "--model", "demo"]
    results = f"{small.folder}/tmp/results.json"
    ended = trial.run(small, [*submit, "--service", trial.service, "--output", results])
    assert ended.returncode == 0, ended.stderr
    (image,) = json.loads(Path(results).read_text())["images"]
    assert image["file"] == _PICTURE and image["detections"], image
    print("A job went through both:", image["detections"][0])


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="megabatch-images-")))
        folder.chmod(0o755)
        for name in ("redis", "pictures"):
            (folder / name).mkdir()
        _give(folder / "jobs")
        shutil.copy(str(files("skimage") / "data" / _PICTURE), folder / "pictures")
        shutil.copy(_DEMO, folder)
        redis = RedisServer(folder / "redis")
        redis.start()
        stack.callback(redis.kill)
        _try(Trial(folder, redis.url, stack), folder)


if __name__ == "__main__":
    main()
