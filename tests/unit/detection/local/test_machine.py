import os
from pathlib import Path

import pytest

from detection.local.machine import cores, environments, gpus


@pytest.mark.parametrize(
    ("visible", "found"), [("0,1", ["0", "1"]), (" 3 ", ["3"]), ("", []), ("-1", [])]
)
def test_the_gpus_that_somebody_has_chosen_are_taken(visible: str, found: list[str]) -> None:
    assert gpus({"CUDA_VISIBLE_DEVICES": visible}) == found


@pytest.mark.parametrize(
    ("script", "found"), [("echo GPU-a; echo GPU-b", ["GPU-a", "GPU-b"]), ("exit 9", [])]
)
def test_gpus_are_those_that_the_driver_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, found: list[str]
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert gpus({}) == found


@pytest.mark.parametrize(
    ("processes", "on", "count", "expected"),
    [
        (None, [], 2, [{"TF_NUM_INTRAOP_THREADS": "2"}]),
        (None, [], 8, [{"TF_NUM_INTRAOP_THREADS": "4"}] * 2),
        (3, [], 2, [{"TF_NUM_INTRAOP_THREADS": "1"}] * 3),
        (None, ["a", "b"], 8, [{"CUDA_VISIBLE_DEVICES": one} for one in "ab"]),
        (3, ["a", "b"], 8, [{"CUDA_VISIBLE_DEVICES": one} for one in "aba"]),
    ],
)
def test_processes_share_the_machine(
    processes: int | None, on: list[str], count: int, expected: list[dict[str, str]]
) -> None:
    assert environments(processes, on, count) == expected


def test_there_is_a_core() -> None:
    assert cores() >= 1
