"""`megabatch usage` on a real storage."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli import exit_codes
from cli.data_folder import DataFolder
from cli.main import run
from core.config import Settings
from core.job_folder import JobFolder, open_job_folder
from core.jobs import Progress, Work, utc_now
from core.sealing import new_secret_key
from core.usage import Month
from tests.factories import accepted_job, final_record

Capture = pytest.CaptureFixture[str]
End = Callable[..., None]

MARCH = datetime(2026, 3, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEGABATCH_STORAGE_URL", raising=False)
    return tmp_path


def settings_of(data: Path) -> Settings:
    url = DataFolder(data).storage.as_uri()
    return Settings(storage_url=url, secret_keys=(new_secret_key(),))


@pytest.fixture
def folder(place: Path) -> JobFolder:
    return open_job_folder(settings_of(place / "data"))


@pytest.fixture
def end(folder: JobFolder) -> End:
    """Writes what is left of a job that has ended, with the next id."""
    ended = 0

    def one(caller: str, seconds: float, at: datetime = MARCH, **fields: Any) -> None:
        nonlocal ended
        ended += 1
        job = msgspec.structs.replace(accepted_job(f"{ended:032x}"), caller=caller, created_at=at)
        values: dict[str, Any] = {
            "progress": Progress(images=1500, images_done=1500),
            "work": Work(seconds, 2_000_000),
            "results": "x",
            "results_bytes": 3000,
        }
        final = final_record(job.id, finished_at=at, caller=caller, **{**values, **fields})
        folder.accept(job)
        folder.write_final(final)
        folder.retention.schedule(job, final)

    return one


def usage(capsys: Capture, *words: str) -> tuple[str, str]:
    assert run(["usage", *words]) == exit_codes.DONE
    told = capsys.readouterr()
    return told.out, told.err


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_a_row_for_each_caller_the_busiest_first(end: End, capsys: Capture) -> None:
    end("north", 1.25)
    end("south", 1000)
    end("north", 2)
    out, err = usage(capsys, "--data", "data", "--month", "2026-03")
    head, *lines = rows(out)
    assert " ".join(head) == "CALLER JOBS IMAGES WORKER SECONDS BYTES READ BYTES OF RESULTS"
    assert lines == [
        ["south", "1", "1,500", "1,000.0", "2,000,000", "3,000"],
        ["north", "2", "3,000", "3.2", "4,000,000", "6,000"],
        ["(all)", "3", "4,500", "1,003.2", "6,000,000", "9,000"],
    ]
    assert "2026-03 (UTC)" in err and "have not ended are not counted" in err
    assert "Warning" not in err


def test_a_row_for_each_model(end: End, capsys: Capture) -> None:
    end("north", 1)
    end("south", 5, model="megadetector-v3")
    end("south", 1)
    out, _ = usage(capsys, "--data", "data", "--month", "2026-03", "--by", "model")
    assert [line[:2] for line in rows(out)] == [
        ["MODEL", "JOBS"],
        ["megadetector-v3", "1"],
        ["demo", "2"],
        ["(all)", "3"],
    ]


def test_json_is_one_object_for_programs(end: End, capsys: Capture) -> None:
    end("north", 0.1)
    end("north", 0.2)
    end("east", 0.7)
    out, err = usage(capsys, "--data", "data", "--month", "2026-03", "--json")
    numbers = {"bytes_read": 4_000_000, "results_bytes": 6000, "images": 3000, "jobs": 2}
    half = {name: number // 2 for name, number in numbers.items()}
    all_of_it = {name: number * 3 // 2 for name, number in numbers.items()}
    assert json.loads(out) == {
        "month": "2026-03",
        "by": "caller",
        "rows": [
            {"caller": "east", "worker_seconds": 0.7, **half},
            {"caller": "north", "worker_seconds": 0.3, **numbers},
        ],
        "total": {"worker_seconds": 1.0, **all_of_it},
        "unknown_jobs": 0,
    }
    assert out.count("\n") == 1 and err == ""
    assert "north" not in usage(capsys, "--data", "data", "--month", "2026-02", "--json")[0]
    by_model, _ = usage(capsys, "--data", "data", "--month", "2026-03", "--json", "--by", "model")
    assert [row["model"] for row in json.loads(by_model)["rows"]] == ["demo"]


def test_the_current_month_is_taken_where_none_is_named(end: End, capsys: Capture) -> None:
    end("north", 1, utc_now())
    end("south", 1, utc_now() - timedelta(days=62))
    told = json.loads(usage(capsys, "--data", "data", "--json")[0])
    assert [row["caller"] for row in told["rows"]] == ["north"]
    assert told["month"] == str(Month.of(utc_now()))


def test_month_in_which_nothing_ended(folder: JobFolder, capsys: Capture) -> None:
    folder.accept(accepted_job("a" * 32))  # it has not ended
    out, err = usage(capsys, "--data", "data", "--month", "2026-03")
    assert out == "No job ended in 2026-03 (UTC).\n"
    assert "not counted" in err


def test_jobs_of_which_nothing_is_known_are_told(
    end: End, folder: JobFolder, capsys: Capture
) -> None:
    end("north", 1)
    end("south", 1)
    folder._storage.replace(f"jobs/{2:032x}/final.json", b"{}")
    out, err = usage(capsys, "--data", "data", "--month", "2026-03")
    assert [line[0] for line in rows(out)] == ["CALLER", "north", "(all)"]
    assert "Warning: jobs that may belong to 2026-03" in err and "came to: 1." in err
    told = json.loads(usage(capsys, "--data", "data", "--month", "2026-03", "--json")[0])
    assert told["unknown_jobs"] == 1


def test_callers_of_a_damaged_record_cannot_steer_the_terminal(end: End, capsys: Capture) -> None:
    end("north\x1b[2J", 1)
    out, _ = usage(capsys, "--data", "data", "--month", "2026-03")
    assert "\x1b" not in out and "north" in out


@pytest.mark.parametrize(
    ("month", "hint"),
    [
        ("9999-12", "has not begun"),
        ("2026-13", "is no month; write it as"),
        ("2026-00", "is no month"),
        ("0000-01", "is no month"),
        ("2026-3", "is no month"),
        ("2026-03-01", "is no month"),
        ("\u0662\u0660\u0662\u0666-03", "is no month"),
        ("March", "is no month"),
        ("", "is no month"),
    ],
)
def test_what_is_no_month_that_has_begun_is_refused(
    folder: JobFolder, capsys: Capture, month: str, hint: str
) -> None:
    assert run(["usage", "--data", "data", "--month", month]) == exit_codes.USAGE
    told = capsys.readouterr()
    assert hint in told.err and "--month" in told.err and told.out == ""


def test_month_that_begins_next_is_refused_and_the_first_of_all_is_not(
    folder: JobFolder, capsys: Capture
) -> None:
    coming = Month.of(Month.of(utc_now()).start + timedelta(days=32))
    assert run(["usage", "--data", "data", "--month", str(coming)]) == exit_codes.USAGE
    assert f"{coming} has not begun; in UTC it is {Month.of(utc_now())}" in capsys.readouterr().err
    assert usage(capsys, "--data", "data", "--month", "0001-01")[0].startswith("No job")


def test_a_folder_that_is_not_there_is_no_empty_month(place: Path, capsys: Capture) -> None:
    assert run(["usage", "--data", "dta"]) == exit_codes.USAGE
    assert "dta is no data folder" in capsys.readouterr().err
    assert run(["usage"]) == exit_codes.USAGE
    assert "Usage of which service?" in capsys.readouterr().err
    assert list(place.iterdir()) == []


def test_the_storage_of_the_environment_is_taken(
    end: End, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    end("north", 1)
    monkeypatch.setenv("MEGABATCH_STORAGE_URL", (place / "data/storage").as_uri())
    assert "north" in usage(capsys, "--month", "2026-03")[0]
    assert run(["usage", "--data", "data"]) == exit_codes.USAGE
    assert "MEGABATCH_STORAGE_URL names the storage" in capsys.readouterr().err


def test_storage_that_does_not_answer_is_told(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("MEGABATCH_STORAGE_URL", "az://none"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0LW9mLW5vYm9keQ=="),
        ("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:9/devstoreaccount1"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("core.storage.open_storage.__kwdefaults__", {"impatient": True})
    monkeypatch.setattr("core.job_folder.open_job_folder.__kwdefaults__", {"impatient": True})
    assert run(["usage"]) == exit_codes.UNREACHABLE
    told = capsys.readouterr()
    assert "Our storage failed to list" in told.err
    assert "c2VjcmV0" not in told.err + told.out
