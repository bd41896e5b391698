"""What `deploy/` describes, on this machine and without a container engine: a folder a machine."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tests.unit.deploy.reading import DEPLOY, Fields, dockerfile

#: Where a container has its folders. `/venv` is the only one that all have in common: the code.
_PLACES = ("/data", "/models", "/pictures", "/tmp")
_VENV = Path(sys.executable).parent

#: Gives the command behind it another host name.
_NAMED = ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"')


def filled_example(values: Mapping[str, str]) -> str:
    """`.env.example` as somebody fills it in; fails for a name that is not there once."""
    text = (DEPLOY / ".env.example").read_text()
    for name, value in values.items():
        lines = re.findall(rf"^#?{name}=.*$", text, re.MULTILINE)
        assert len(lines) == 1, f"{name} stands {len(lines)} times in .env.example"
        text = text.replace(f"\n{lines[0]}\n", f"\n{name}={value}\n")
    return text


class Service(msgspec.Struct, frozen=True):
    """How a container of ours is started: what its image says, and over that what Compose says."""

    command: list[str]
    health: list[str]
    environment: dict[str, str]


def read_service(fields: Fields) -> Service:
    """A service as Compose tells of it."""
    image = dict(dockerfile(Path(fields["build"]["dockerfile"]).name))
    of_image = dict(re.findall(r"(\w+)=(\S+)", image["ENV"]))
    health = fields.get("healthcheck", {}).get("test", ["CMD"])[1:]
    return Service(
        fields.get("command") or json.loads(image["CMD"]),
        health or json.loads(image["HEALTHCHECK"].partition("CMD ")[2]),
        of_image | fields["environment"],
    )


class Machine:
    """Runs containers with folders of its own, and none of another machine's."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder / name
        self._processes: list[subprocess.Popen[bytes]] = []
        self.log = self._folder / "log"
        for place in _PLACES:
            self.place(place).mkdir(parents=True)

    def place(self, path: str) -> Path:
        """Where a folder of the containers lies."""
        return self._folder / path.lstrip("/")

    def start(self, service: Service) -> None:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._words(service.command),
                cwd=self.place("/data"),
                env=self._environment(service),
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)

    def run(
        self, service: Service, command: Sequence[str] = (), text: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command of a service, or another one as that service has it around it."""
        return subprocess.run(
            self._words(command or service.command),
            cwd=self.place("/data"),
            env=self._environment(service),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )

    def is_well(self, service: Service) -> bool:
        """What the health check of its container says."""
        return self.run(service, service.health).returncode == 0

    def stop(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _words(self, command: Sequence[str]) -> list[str]:
        return [*_NAMED, self.name, *command] if have_own_names() else list(command)

    def _environment(self, service: Service) -> dict[str, str]:
        found = {name: self._here(text) for name, text in service.environment.items()}
        path = f"{_VENV}:{os.environ['PATH']}"
        return found | {"PATH": path, "TMPDIR": str(self.place("/tmp"))}

    def _here(self, text: str) -> str:
        scheme, path = ("file://", text[7:]) if text.startswith("file://") else ("", text)
        return f"{scheme}{self.place(path)}" if path in _PLACES else text


def have_own_names() -> bool:
    """Whether machines may have host names of their own, as containers do.

    It takes root, and Linux. Elsewhere all have this machine's, and a health check is content with
    any worker.
    """
    return os.geteuid() == 0 and shutil.which("unshare") is not None
