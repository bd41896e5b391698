"""Runs the commands of a page in docs/ as they are printed, in order and in one shell."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: Stands between what one block prints and the next.
_MARK = "==== block"


def blocks(page: str) -> list[tuple[str, str]]:
    """The code blocks of a page: their languages, `sh` for commands that run here, and texts."""
    return _BLOCK.findall(page)


def commands(page: str) -> list[str]:
    return [text for language, text in blocks(page) if language == "sh"]


def run_as_printed(
    page: str,
    place: Path,
    environment: Mapping[str, str],
    logs: Callable[[], str],
    *,
    also_right: int = 0,
) -> list[str]:
    """What each block of commands prints, run in the folder `place`; all of them must succeed, or
    end with the exit code that is also right.

    `environment`: variables, besides a PATH. `logs` tells what helps to understand a failure.
    """
    strict = f"trap 'code=$?; [ $code = {also_right} ] || exit $code' ERR\n"
    script = strict + f"\necho '{_MARK}'\n".join(commands(page))
    ended = subprocess.run(
        ["bash", "-Euo", "pipefail", "-c", script],
        cwd=place,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, f"{logs()}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout.split(f"{_MARK}\n")
