"""Runs one target: `python -m tests.fuzz.run NAME --runs 1000`, or `NAME FILE` for one input.

Atheris leaves the process itself, with 0 where nothing was found. Where it does not exist (other
machines than Linux on x86-64), the target gets its seeds and no more.
"""

import argparse
import contextlib
import hashlib
import sys
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.targets import LONGEST, TARGETS, check_of, load, seeds_of

# One input that takes longer is a fault, seconds; so is more resident memory than this, MB.
_HANGS_AFTER, _MOST_MEMORY = 20, 1500


def main(words: list[str]) -> None:
    asked = parse(words)
    warnings.simplefilter("ignore")  # Pillow warns of damage that it then reads past
    if asked.file is not None:
        check_of(load(asked.target))(asked.file.read_bytes())
        return
    try:
        import atheris
    except ImportError:
        _run_seeds(asked.target)
        return
    with atheris.instrument_imports(include=list(TARGETS.get(asked.target, ()))):
        target = load(asked.target)
    with tempfile.TemporaryDirectory() as folder:
        corpus = asked.corpus or Path(folder)
        write_seeds(corpus, seeds_of(target))
        with contextlib.suppress(SystemExit):
            atheris.Setup([sys.argv[0], *options(asked), str(corpus)], check_of(target))
        atheris.Fuzz()


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("file", nargs="?", type=Path, help="check this one input")
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="0 takes another one each time")
    parser.add_argument("--corpus", type=Path, help="where inputs that lead further are kept")
    parser.add_argument("--crashers", type=Path, default=Path("fuzz-crashers"))
    parser.add_argument("--hangs-after", type=int, default=_HANGS_AFTER)
    parser.add_argument("--most-memory", type=int, default=_MOST_MEMORY)
    return parser.parse_args(words)


def options(asked: argparse.Namespace) -> list[str]:
    """What libFuzzer is told."""
    asked.crashers.mkdir(parents=True, exist_ok=True)
    return [
        f"-runs={asked.runs}",
        f"-max_total_time={asked.seconds}",
        f"-seed={asked.seed}",
        f"-max_len={LONGEST}",
        f"-timeout={asked.hangs_after}",
        f"-rss_limit_mb={asked.most_memory}",
        f"-artifact_prefix={asked.crashers}/",
    ]


def write_seeds(folder: Path, seeds: Iterable[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def _run_seeds(name: str) -> None:
    target = load(name)
    for seed in seeds_of(target):
        check_of(target)(seed)


if __name__ == "__main__":
    main(sys.argv[1:])
