"""The files of `deploy/`, read as the programs that they are for read them."""

import os
import re
import subprocess
import sysconfig
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
MONITORING = DEPLOY / "monitoring"
OVERLAYS = ("base", "gpu", "azure")
#: What runs there that others have made.
FOREIGN = {"redis", "prometheus"}
_PROGRAMS = Path(sysconfig.get_path("scripts"))

Fields = dict[str, Any]


def program(name: str, *words: str, folder: Path) -> str:
    """What a program of the tools prints; fails with what it says."""
    ended = subprocess.run(
        [_PROGRAMS / name, *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def printed(word: str) -> str:
    """The YAML in docs/operations.md in which the word stands."""
    page = (ROOT / "docs/operations.md").read_text()
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)
    (block,) = (one for one in blocks if word in one)
    return textwrap.dedent(block)


def composed(folder: Path, *files: str, settings: str = "") -> Fields:
    """What Compose makes of these files and settings, in a copy of them."""
    return composed_by(f"REDIS_PASSWORD=secret\n{settings}\n", folder, *files)


def composed_by(env: str, folder: Path, *files: str) -> Fields:
    """What Compose makes of these files and this `.env`, in a copy of them."""
    for name in files:
        if not (folder / name).exists():  # else it is one that the page prints
            (folder / name).write_text((DEPLOY / name).read_text())
    (folder / ".env").write_text(env)
    named = [word for name in files for word in ("--file", name)]
    text = program("docker-compose", *named, "--profile", "*", "config", folder=folder)
    read: Fields = yaml.safe_load(text)
    return read


@cache
def _rendered(overlay: str) -> str:
    return program("kubectl", "kustomize", str(KUBERNETES / overlay), folder=ROOT)


def manifests(overlay: str) -> list[Fields]:
    """What an overlay applies to a cluster."""
    return list(yaml.safe_load_all(_rendered(overlay)))


def of_kind(overlay: str, *kinds: str) -> list[Fields]:
    return [one for one in manifests(overlay) if one["kind"] in kinds]


def pods(overlay: str) -> Iterator[tuple[str, Fields]]:
    """The name and the pod's spec of everything that runs."""
    for one in of_kind(overlay, "Deployment", "StatefulSet"):
        yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def ours(overlay: str) -> Iterator[Fields]:
    """The containers that run our own images, those of the start too."""
    for _, pod in pods(overlay):
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            if container["image"].startswith("megabatch-"):
                yield container


def texts() -> dict[str, str]:
    """Every file of `deploy/`, by its path there."""
    files = (path for path in DEPLOY.rglob("*") if path.is_file())
    return {str(path.relative_to(DEPLOY)): path.read_text() for path in files}


def dockerfile(name: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with its words; lines that go on are joined."""
    lines = re.sub(r"^#.*\n", "", (DEPLOY / name).read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", "", lines)
    split = (line.partition(" ") for line in joined.splitlines() if line)
    return [(word, rest) for word, _, rest in split]
