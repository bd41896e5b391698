"""What a service did in a month, of jobs that real workers ran and that somebody deleted."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cli import exit_codes
from cli.main import run
from core.config import Settings
from core.job_folder import open_job_folder
from core.key_ring import open_key_ring
from core.keys import Scope
from core.usage import Month
from tests.fixtures.system import System
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

Capture = pytest.CaptureFixture[str]


def put(folder: Path, first: int, count: int) -> int:
    """Pictures, and one file that is none; their sizes together."""
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        (folder / f"{number:03d}.jpg").write_bytes(jpeg(number))
    (folder / "bad.jpg").write_bytes(b"not a picture")
    (folder / "notes.txt").write_bytes(b"passed over")
    return sum(path.stat().st_size for path in folder.glob("*.jpg"))


def told(capsys: Capture, month: Month, by: str = "caller") -> dict[str, Any]:
    capsys.readouterr()
    assert run(["usage", "--json", "--by", by, "--month", str(month)]) == exit_codes.DONE
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_jobs_of_two_callers_count_also_when_one_is_deleted(
    system: System,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    ring = open_key_ring(settings)
    keys = {name: ring.create(name, (Scope.SUBMIT, Scope.READ)) for name in ("north", "south")}
    system.key = keys["north"]
    system.start_all()
    read = {
        "north": put(tmp_path / "pictures/north", 0, 40),
        "south": put(tmp_path / "pictures/south", 100, 25),
    }
    jobs: dict[str, dict[str, Any]] = {}
    for caller, key in keys.items():
        system.key = key
        job_id = system.submit(container_url=str(tmp_path / f"pictures/{caller}"), model="demo")
        jobs[caller] = system.wait(job_id)
    month = Month.of(datetime.fromisoformat(jobs["south"]["finished_at"]))
    monkeypatch.setenv("MEGABATCH_STORAGE_URL", settings.storage_url)

    before = told(capsys, month)
    assert {row["caller"]: row["bytes_read"] for row in before["rows"]} == read
    assert {row["caller"]: row["images"] for row in before["rows"]} == {"north": 41, "south": 26}
    for row in before["rows"]:
        final = open_job_folder(settings).read_final(jobs[row["caller"]]["id"])
        assert final.results
        assert row["results_bytes"] == (tmp_path / "storage" / final.results).stat().st_size
    assert all(row["worker_seconds"] > 0 and row["jobs"] == 1 for row in before["rows"])

    system.call("DELETE", f"/v1/jobs/{jobs['south']['id']}")
    assert told(capsys, month) == before  # the cleaner may be at it
    system.wait_until(
        lambda: not (tmp_path / "storage/jobs" / jobs["south"]["id"]).exists(),
        "the cleaner has deleted the job's files",
        60,
    )
    assert told(capsys, month) == before
    [row] = told(capsys, month, "model")["rows"]
    assert row == {"model": "demo", **before["total"]}
    assert (row["jobs"], row["bytes_read"]) == (2, sum(read.values()))
