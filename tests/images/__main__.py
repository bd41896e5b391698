"""`make images`: a job through what the Dockerfiles install and start, on this machine.

Where this is run as root on Linux, all that is started finds the disk read-only, as in a container.
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

#: Makes the folders that follow writable, and all else read-only, for the command behind `--`.
_READ_ONLY = """
while [ "$1" != -- ]; do mount --bind "$1" "$1" && shift || exit; done; shift
mount -o remount,bind,ro / && exec "$@"
"""
_PATIENCE = 120
_PICTURE = "chelsea.png"
_DEMO = ROOT / ".cache/models/demo.pb"


class Trial:
    """The images, and what is started from them."""

    def __init__(self, folder: Path, redis_url: str, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._port = str(free_port())
        self._may_confine = _may_confine()
        print("The disk is read-only:", "yes" if self._may_confine else "no")
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
        image = Image(dockerfile, folder)
        print(f"Following {dockerfile}...")
        image.build(without)
        return image

    def start(self, image: Image, command: Sequence[str]) -> None:
        process = subprocess.Popen(self._confined(image, command), **self._surroundings(image))
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
        return subprocess.run(
            self._confined(image, command),
            check=False,
            capture_output=True,
            text=True,
            **self._surroundings(image),
        )

    def check_confined(self, image: Image) -> None:
        """What is not to be written cannot be, where this was promised."""
        ended = self.run(image, ["touch", str(image.folder / "venv/x")])
        assert bool(ended.returncode) == self._may_confine, ended.stderr

    def _confined(self, image: Image, command: Sequence[str]) -> list[str]:
        words = [word.replace("8080", self._port) for word in command]
        if not self._may_confine:
            return words
        written = [image.folder / "tmp", image.folder / "models", self._folder / "jobs"]
        within = ["unshare", "--mount", "sh", "-c", _READ_ONLY, "sh", *map(str, written), "--"]
        # The last program is found by the PATH of the image.
        return [*within, "env", *words]

    def _surroundings(self, image: Image) -> dict[str, Any]:
        environment = {**image.environment, **self._settings, "TMPDIR": f"{image.folder}/tmp"}
        return {"env": environment, "cwd": image.folder}


def _may_confine() -> bool:
    """Whether this process may have mounts of its own."""
    if os.geteuid() or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


def _try(trial: Trial, folder: Path) -> None:
    small = trial.image("api.Dockerfile")
    found = trial.run(small, ["python", "-c", "import tensorflow"])
    assert "No module named 'tensorflow'" in found.stderr, found.stderr
    trial.check_confined(small)
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
    for image in (small, large):
        ended = trial.run(image, ["megabatch", "doctor", "--model", "demo"])
        assert ended.returncode == 0, ended.stdout + ended.stderr
    print("The doctor finds no fault in either")
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
        for name in ("redis", "pictures", "jobs"):
            (folder / name).mkdir()
        shutil.copy(str(files("skimage") / "data" / _PICTURE), folder / "pictures")
        shutil.copy(_DEMO, folder)
        redis = RedisServer(folder / "redis")
        redis.start()
        stack.callback(redis.kill)
        _try(Trial(folder, redis.url, stack), folder)


if __name__ == "__main__":
    main()
