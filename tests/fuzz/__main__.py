"""`make fuzz`: runs every target for some seconds, keeps what breaks one, and says what to do."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS

#: What breaks a target lies here, a folder each; git does not see it.
CRASHERS = Path("fuzz-crashers")
#: Inputs that led further, so that the next time goes on from there.
CORPORA = Path(".cache/fuzz")

_ADVICE = """
{target} does not stand what lies in {file}. To see it again:

    {python} -m tests.fuzz.run {target} {file}

To make a test of it: write a test of the code at fault that fails for the same reason, correct the
code, and put the input among the seeds of tests/fuzz/{target}.py, which `make test` tries:

    {data!r}
"""
#: Longer inputs are not printed.
_SHOWN = 500


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    asked = parser.parse_args(words)
    broken = [name for name in asked.targets or TARGETS if not fuzz(name, asked.seconds)]
    print(f"Not all is well with: {', '.join(broken)}." if broken else "All targets stand.")
    return 1 if broken else 0


def fuzz(name: str, seconds: int) -> bool:
    """Whether the target stood it all; if not, what to do is told."""
    print(f"== {name}, {seconds} s", flush=True)
    folder = CRASHERS / name
    before = _files(folder)
    told = (f"--seconds={seconds}", f"--corpus={CORPORA / name}", f"--crashers={folder}")
    done = subprocess.run([sys.executable, "-m", "tests.fuzz.run", name, *told], check=False)
    for file in sorted(_files(folder) - before):
        print(advice(name, file), flush=True)
    return done.returncode == 0


def advice(name: str, file: Path) -> str:
    """What to do about an input that broke a target."""
    python = os.path.relpath(sys.executable)
    data = file.read_bytes()
    return _ADVICE.format(target=name, file=file, python=python, data=data[:_SHOWN])


def _files(folder: Path) -> set[Path]:
    return set(folder.iterdir()) if folder.is_dir() else set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
