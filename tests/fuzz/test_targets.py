"""Every target stands what the fuzzer makes up in a short run, the same each time."""

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
#: Where atheris has a wheel; elsewhere a target gets its seeds alone.
FUZZES = (sys.platform, platform.machine()) == ("linux", "x86_64")
#: So many that each takes a few seconds.
RUNS = {
    "image_gate": 5000,
    "image_lists": 7500,
    "results_files": 3000,
    "foreign_files": 7500,
    "urls": 2000,
    "cursors": 20000,
    "bodies": 20000,
}


# The fuzzer asks the system for the most memory that its process ever had, and at its start Linux
# counts that of the process which started it: many times more, where it is this one.
_APART = ("sh", "-c", '"$@"; exit $?', "sh")


def python(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # Without it the names of a set come in another order each time, and so would the runs.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    return subprocess.run(
        [*_APART, sys.executable, "-m", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=110,
        check=False,
    )


def test_every_target_is_run() -> None:
    modules = Path(__file__).parent.glob("*.py")
    targets = {path.stem for path in modules if "\ndef seeds() ->" in path.read_text()}
    assert targets - {"faulty"} == TARGETS.keys() == RUNS.keys()
    assert (importlib.util.find_spec("atheris") is not None) == FUZZES


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_stands_what_is_made_up(tmp_path: Path, target: str) -> None:
    words = (target, f"--runs={RUNS[target]}", "--seed=1")
    done = python("tests.fuzz.run", *words, folder=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]
    assert (f"Done {RUNS[target]} runs" in done.stderr) == FUZZES


#: What lies in the corpus, and how the file begins that is kept.
FAULTS = {b"raise": "crash-", b"spin": "timeout-", b"hog": "oom-"}


def test_every_kind_of_fault_is_found_and_kept(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for data, kept in FAULTS.items() if FUZZES else ():
        (corpus / "input").write_bytes(data)
        crashers = tmp_path / kept
        words = ("faulty", "--runs=10", "--hangs-after=3", "--most-memory=300")
        places = (f"--corpus={corpus}", f"--crashers={crashers}")
        done = python("tests.fuzz.run", *words, *places, folder=tmp_path)
        assert done.returncode != 0
        (file,) = crashers.iterdir()
        assert file.name.startswith(kept)


def test_what_breaks_a_target_can_be_seen_again(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"raise")
    done = python("tests.fuzz.run", "faulty", "input", folder=tmp_path)
    assert done.returncode == 1 and "nobody documented" in done.stderr


def test_whoever_fuzzes_is_told_how_to_make_a_test_of_it(tmp_path: Path) -> None:
    corpus = tmp_path / ".cache/fuzz/faulty"
    corpus.mkdir(parents=True)
    (corpus / "input").write_bytes(b"raise")
    done = python("tests.fuzz", "--seconds=1", "faulty", folder=tmp_path)
    assert done.returncode == (1 if FUZZES else 0)
    if FUZZES:
        (file,) = (tmp_path / "fuzz-crashers/faulty").iterdir()
        assert f"tests.fuzz.run faulty fuzz-crashers/faulty/{file.name}" in done.stdout
        assert "b'raise'" in done.stdout and "Not all is well with: faulty." in done.stdout


def test_what_is_found_is_kept_out_of_the_repository() -> None:
    assert "/fuzz-crashers/" in (ROOT / ".gitignore").read_text().splitlines()
