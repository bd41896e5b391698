"""A worker that cannot work says why at its start, and takes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.catalog import MODELS
from core.sealing import new_secret_key
from workers.__main__ import worker_arguments

ROOT = Path(__file__).resolve().parents[3]


def start(
    tmp_path: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    variables = {
        "PATH": os.environ["PATH"],
        "MEGABATCH_STORAGE_URL": f"file://{tmp_path}/storage",
        "MEGABATCH_SECRET_KEYS": new_secret_key(),
        "MEGABATCH_MODEL_FOLDER": str(tmp_path / "models"),
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["detection", "--model", "demo"], {}, "megabatch models fetch demo"),
        (["detection", "--model", "megadetector-v9"], {}, "Known models: megadetector-v2"),
        (["control"], {"MEGABATCH_STORAGE_URL": ""}, "MEGABATCH_STORAGE_URL"),
        (["control"], {"MEGABATCH_STORAGE_URL": "nonsense://x"}, "MEGABATCH_STORAGE_URL"),
        (["control"], {"MEGABATCH_STORAGE_URL": "file:///proc/x"}, "MEGABATCH_STORAGE_URL"),
        (["control"], {"MEGABATCH_SECRET_KEYS": ""}, "megabatch secret-key"),
    ],
)
def test_worker_leaves_with_what_to_do(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], words: str
) -> None:
    ended = start(tmp_path, *arguments, **environment)
    assert ended.returncode != 0
    assert words in ended.stderr and "Traceback" not in ended.stderr


def test_weights_that_have_changed_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "models" / MODELS["megadetector-v3"].file
    file.parent.mkdir()
    file.write_bytes(b"weights")
    (file.parent / f"{file.name}.sha256").write_text(f"{'0' * 64}  {file.name}\n")
    ended = start(tmp_path, "detection", "--model", "megadetector-v3")
    assert ended.returncode != 0 and "has changed" in ended.stderr


def test_detection_worker_has_one_child() -> None:
    assert "--concurrency=1" in worker_arguments("detect.demo", 1)
