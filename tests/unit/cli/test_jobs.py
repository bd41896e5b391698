import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import run
from tests.unit.cli.service import JOB, Service, job

SAS = "https://account.blob.core.windows.net/photos?sv=2024&sp=rl&sig=s3cret"
ID = JOB["id"]
SUBMIT, SHOW = "POST /v1/jobs", f"GET /v1/jobs/{ID}"

Command = Callable[..., int]


@pytest.fixture
def command(service: Service, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `megabatch` against the stand-in service."""
    monkeypatch.setenv("MEGABATCH_SERVICE", service.url)
    return lambda *words: run([str(word) for word in words])


def sent(service: Service) -> dict[str, object]:
    [body] = service.bodies(SUBMIT)
    fields: dict[str, object] = json.loads(body)
    return fields


def test_submit_prints_the_id_alone(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SUBMIT, JOB, 202)
    assert command("submit", SAS) == 0
    told = capsys.readouterr()
    assert told.out == f"{ID}\n"
    assert f"megabatch wait {ID}" in told.err
    assert sent(service) == {"container_url": SAS}


def test_every_option_becomes_its_field(command: Command, service: Service, tmp_path: Path) -> None:
    service.answer(SUBMIT, JOB, 202)
    names = tmp_path / "names.json"
    names.write_text('["a.jpg", ["b.jpg", "dusk"]]')
    words = [
        "submit",
        *("--model", "demo"),
        *("--name", "north"),
        *("--prefix", "a/"),
        *("--strip-prefix", "a/"),
        *("--first-n", "9"),
        *("--sample-n", "5"),
        *("--sample-seed", "0"),
        *("--detection-threshold", "0"),
        *("--truncated-images", "accept"),
        *("--preprocessing", "legacy-2019"),
        *("--include", "gps"),
        *("--metadata", "site=north=west"),
        *("--metadata", "empty="),
        *("--images-url", "https://a/list.json"),
    ]
    assert command(*words, "--images", names, SAS) == 0
    assert sent(service) == {
        "container_url": SAS,
        "images_url": "https://a/list.json",
        "images": ["a.jpg", ["b.jpg", "dusk"]],
        "prefix": "a/",
        "strip_prefix": "a/",
        "first_n": 9,
        "sample_n": 5,
        "sample_seed": 0,
        "model": "demo",
        "detection_threshold": 0,
        "name": "north",
        "truncated_images": "accept",
        "preprocessing": "legacy-2019",
        "include": ["gps"],
        "metadata": {"site": "north=west", "empty": ""},
    }


def test_the_fields_are_those_that_the_service_knows() -> None:
    from api.schemas import JobBody
    from cli.jobs import submit

    given = {parameter.name for parameter in submit.params} | {"container_url"}
    assert given - {"container", "waits", "target", "service"} == set(JobBody.model_fields)


def test_a_list_of_lines_is_an_image_list(
    command: Command, service: Service, tmp_path: Path
) -> None:
    service.answer(SUBMIT, JOB, 202)
    names = tmp_path / "names.txt"
    names.write_bytes("\ufeffhttps://a/1.jpg\r\n\r\nhttps://a/ two.jpg\n".encode())
    assert command("submit", "--images", names) == 0
    assert sent(service) == {"images": ["https://a/1.jpg", "https://a/ two.jpg"]}


@pytest.mark.parametrize("content", [b"\xff\xfe", b'["a",', b'[] {"a": 1}'])
def test_an_image_list_that_cannot_be_read_is_named(
    command: Command, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes(content)
    assert command("submit", "--images", names) == 2
    assert "names.txt is neither a JSON list nor lines" in capsys.readouterr().err


def test_a_local_folder_is_sent_whole(
    command: Command, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer(SUBMIT, JOB, 202)
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert command("submit", "photos") == 0
    assert sent(service) == {"container_url": str(tmp_path / "photos")}


def test_a_folder_of_the_service_s_machine_need_not_be_here(
    command: Command, service: Service
) -> None:
    service.answer(SUBMIT, JOB, 202)
    assert command("submit", "/nowhere/photos") == 0
    assert sent(service) == {"container_url": "/nowhere/photos"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Name images"),
        (["nowhere"], "There is no folder 'nowhere'"),
        (["--metadata", "site", "x"], "write KEY=VALUE"),
        (["--metadata", "=north", "x"], "write KEY=VALUE"),
        (["--first-n", "0", "x"], "--first-n"),
    ],
)
def test_a_wrong_command_line_sends_nothing(
    command: Command,
    service: Service,
    words: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("submit", *words) == 2
    assert says in capsys.readouterr().err
    assert service.requests == []


def test_a_sas_url_can_come_from_standard_input(service: Service) -> None:
    service.answer(SUBMIT, JOB, 202)
    subprocess.run(
        [sys.executable, "-m", "cli.main", "submit", "-", "--service", service.url],
        input=f"{SAS}\n",
        text=True,
        check=True,
        capture_output=True,
    )
    assert sent(service) == {"container_url": SAS}


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (job("completed", images_done=10), 0),
        (job("completed", images_done=10, images_failed=1), 4),
        (job("failed"), 3),
        (job("cancelled"), 5),
    ],
)
def test_the_end_of_a_job_is_the_exit_code(
    command: Command, service: Service, end: dict[str, object], code: int
) -> None:
    service.answer(SUBMIT, job("queued"), 202)
    service.answer(SHOW, end)
    assert command("submit", SAS, "--wait") == code
    assert command("wait", ID) == code
    assert command("status", ID) == 0


def test_output_waits_and_downloads(
    command: Command, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SUBMIT, job("queued"), 202)
    service.answer(SHOW, job("completed", images_done=10, images_failed=2, failures={"corrupt": 2}))
    service.answer(f"{SHOW}/results", b"{}")
    target = tmp_path / "results.json"
    assert command("submit", SAS, "-o", target) == 4
    assert target.read_bytes() == b"{}"
    told = capsys.readouterr()
    assert told.out == f"{ID}\n"
    assert "failed images: 2 corrupt" in told.err


def test_a_failed_job_without_results_still_counts_as_failed(
    command: Command, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SHOW, job("cancelled"))
    no_results = {"code": "no_results", "detail": "The job has no results file."}
    service.answer(f"{SHOW}/results", no_results, 404)
    assert command("wait", ID, "-o", tmp_path / "results.json") == 5
    assert "has no results file" in capsys.readouterr().err


def test_an_interrupted_wait_leaves_the_job_running(service: Service) -> None:
    service.answer(SHOW, job("running"))
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", "wait", ID, "--service", service.url],
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "running: 4 of 10 images\n"
        waiting.send_signal(signal.SIGINT)
        assert "the job goes on" in waiting.stderr.read()
    assert waiting.returncode == 130
    assert {name for name, _body in service.requests} == {SHOW}


def test_results_go_to_a_file_named_for_the_job(
    command: Command, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer(f"{SHOW}/results", b'{"images": []}')
    monkeypatch.chdir(tmp_path)
    assert command("results", ID) == 0
    assert (tmp_path / f"{ID}.json").read_bytes() == b'{"images": []}'
    assert command("results", ID, "-o", "other.json") == 0
    assert (tmp_path / "other.json").exists()


def test_results_in_a_folder_that_is_not_there(
    command: Command, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(f"{SHOW}/results", b"{}")
    assert command("results", ID, "-o", tmp_path / "no" / "results.json") == 3
    assert "No such file or directory" in capsys.readouterr().err


def test_status_shows_the_job(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SHOW, job("running"))
    assert command("status", ID) == 0
    assert capsys.readouterr().out == f"{ID}  north ridge\nrunning: 4 of 10 images\n"
    assert command("status", ID, "--json") == 0
    assert json.loads(capsys.readouterr().out)["progress"]["images_done"] == 4


def test_list_shows_the_newest_jobs(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = {**JOB, "name": "[red]x\x1b]0;pwned\x07 :cat:"}
    service.answer("GET /v1/jobs", {"data": [hostile, JOB, JOB], "next_cursor": None})
    assert command("list", "--limit", "2") == 0
    out = capsys.readouterr().out
    assert out.count(ID) == 2
    assert "\x1b" not in out
    assert "\x07" not in out
    assert command("list", "--json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [ID] * 3


def test_an_empty_list_prints_no_lines_as_json(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer("GET /v1/jobs", {"data": []})
    assert command("list", "--json") == 0
    assert capsys.readouterr().out == ""


def test_cancel_asks_the_service(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(f"POST /v1/jobs/{ID}/cancel", job("cancelling"), 202)
    assert command("cancel", ID) == 0
    assert f"{ID}: cancelling" in capsys.readouterr().err
