"""`python -m tests.bite [WORD...]`: switch off each protection (whose name has one of the words).

Works on a copy of the tree, one protection after the other, and ends with an error where the tests
stay green.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bite.protections import PROTECTIONS, Protection

ROOT = Path(__file__).resolve().parents[2]
#: What stands in the checkout and is only looked at.
_LINKED = (".venv", ".cache")
_LEFT_OUT = shutil.ignore_patterns(*_LINKED, ".git", "__pycache__", "*.egg-info", ".hypothesis")
#: Seconds for one test: with some protections off, one waits for ever.
_TEST_SECONDS = 30
#: How pytest ends where tests ran and one failed.
_RED = 1


def copy_tree(target: Path) -> None:
    shutil.copytree(ROOT, target, ignore=_LEFT_OUT)
    for name in _LINKED:
        (target / name).symlink_to(ROOT / name)


def goes_red(tree: Path, protection: Protection) -> bool:
    """Whether a test fails without the protection."""
    file = tree / protection.file
    text = file.read_text()
    file.write_text(text.replace(protection.old, protection.new))
    try:
        return run_tests(tree, protection.tests) == _RED
    finally:
        file.write_text(text)


def run_tests(tree: Path, tests: tuple[str, ...]) -> int:
    options = ("-q", "-x", "-p", "no:cacheprovider", "-o", f"timeout={_TEST_SECONDS}")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=tree,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return ended.returncode


def main(words: list[str]) -> int:
    """How many protections no test misses."""
    chosen = [p for p in PROTECTIONS if not words or any(word in p.name for word in words)]
    missed = 0
    with tempfile.TemporaryDirectory(prefix="bite-") as folder:
        tree = Path(folder) / "tree"
        copy_tree(tree)
        for protection in chosen:
            red = goes_red(tree, protection)
            missed += not red
            print(f"{'red' if red else 'STAYS GREEN':12} {protection.name}", flush=True)
    print(f"{len(chosen)} protections switched off, {missed} that no test misses")
    return missed


if __name__ == "__main__":
    raise SystemExit(1 if main(sys.argv[1:]) else 0)
