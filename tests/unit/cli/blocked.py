"""`megabatch` and Python where some libraries cannot be imported, as if they were not installed."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[3]

_HOOK = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


def path_without(names: Iterable[str], folder: Path) -> str:
    """A PYTHONPATH for which no library of these names is found; makes a file in `folder`."""
    hook = folder / "hook" / "sitecustomize.py"
    hook.parent.mkdir()
    hook.write_text(_HOOK.format(names=set(names)))
    return f"{hook.parent}{os.pathsep}{ROOT}"


def python_without(
    names: Iterable[str], folder: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` in `folder`, where no library of these names is found."""
    path = path_without(names, folder)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MEGABATCH_")}
    return subprocess.run(
        [sys.executable, *words],
        env={**kept, "PYTHONPATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def megabatch_without(
    names: Iterable[str], folder: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    return python_without(names, folder, "-m", "cli.main", *words)
