"""A Dockerfile of ours, followed without a container engine: in a folder in place of the image.

What installs and copies is done as it stands there. What asks for packages of the system is left
out: the folder is an image with nothing but this machine's Python in it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Folders of the image, which stand in the folder in place of it.
_PLACES = re.compile(r"(?<![\w.$}])/(venv|build|wheel|data|models|tmp)\b")


class Image:
    """What a Dockerfile's stages come to; all of them share one tree."""

    def __init__(self, dockerfile: str, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"]}
        self.command: list[str] = []
        self.health: list[str] = []
        self._within = folder
        self._steps = list(_instructions((ROOT / "deploy" / dockerfile).read_text()))

    def build(self, without: str) -> None:
        """Follow it, but for the stages whose first line ends with a name in `without`."""
        wanted = True
        for word, rest in self._steps:
            if word == "FROM":
                wanted = rest.rpartition(" ")[2] not in without.split()
            if wanted:
                self._follow(word, rest)

    def _follow(self, word: str, rest: str) -> None:
        if word == "WORKDIR":
            self._within = Path(self._here(rest))
            self._within.mkdir(exist_ok=True)
        elif word == "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", rest):
                known = value.replace("$PATH", self.environment["PATH"])
                self.environment[name] = self._here(known)
        elif word == "COPY" and not rest.startswith("--from"):
            self._copy(rest.split())
        elif word == "RUN" and "apt-get" not in rest:
            self.run("sh", "-c", self._here(re.sub(r"--mount=\S+ ", "", rest)))
        elif word == "CMD":
            self.command = json.loads(rest)
        elif word == "HEALTHCHECK":
            self.health = json.loads(rest.partition("CMD ")[2])

    def _copy(self, words: list[str]) -> None:
        *sources, target = words
        for source in sources:
            path, place = ROOT / source, self._within / target
            if path.is_dir():
                shutil.copytree(path, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, place / path.name if place.is_dir() else place)

    def run(self, *words: str) -> None:
        """Run a command of the build; `python` is this one until there is another."""
        found = f"{self.environment['PATH']}:{Path(sys.executable).parent}"
        environment = {**self.environment, "PATH": found}
        subprocess.run(words, cwd=self._within, env=environment, check=True, timeout=900)

    def _here(self, text: str) -> str:
        return _PLACES.sub(rf"{self.folder}/\1", text)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    for line in joined.splitlines():
        word, _, rest = line.partition(" ")
        if word:
            yield word, rest
