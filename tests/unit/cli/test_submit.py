import json
from pathlib import Path

import pytest

from api.schemas import JobBody
from cli.submit import submit
from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service

SAS = "https://account.blob.core.windows.net/photos?sv=2024&sp=rl&sig=s3cret"
ID = JOB["id"]
SUBMIT, SHOW = "POST /v1/jobs", f"GET /v1/jobs/{ID}"


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
        *("--previous-job", "0" * 32),
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
        "previous_job": "0" * 32,
    }


def test_the_fields_are_those_that_the_service_knows() -> None:
    given = {parameter.name for parameter in submit.params} | {"container_url"}
    own = {"container", "url_file", "waits", "target", "as_json", "service"}
    own |= {"validates", "key", "webhook_file"}
    assert given - own == set(JobBody.model_fields) - {"format_version"}


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


def test_the_job_as_json(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SUBMIT, JOB, 202)
    assert command("submit", "/photos", "--json") == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["id"] == ID


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Name images"),
        (["nowhere"], "There is no folder 'nowhere'"),
        (["--metadata", "site", "/x"], "write KEY=VALUE"),
        (["--metadata", "=north", "/x"], "write KEY=VALUE"),
        (["--first-n", "0", "/x"], "--first-n"),
        (["--service", "127.0.0.1:8080", "/x"], "--service is not the URL of a service"),
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


def test_a_url_with_a_secret_is_taken_with_advice(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SUBMIT, JOB, 202)
    assert command("submit", SAS) == 0
    told = capsys.readouterr().err
    assert "--container-url-file" in told
    assert "s3cret" not in told


def test_a_url_without_a_secret_is_taken_without_advice(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SUBMIT, JOB, 202)
    assert command("submit", SAS.partition("?")[0]) == 0
    assert "secret" not in capsys.readouterr().err


def test_a_variable_names_the_container_without_advice(
    command: Command,
    service: Service,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.answer(SUBMIT, JOB, 202)
    monkeypatch.setenv("MEGABATCH_CONTAINER_URL", SAS)
    assert command("submit") == 0
    assert "secret" not in capsys.readouterr().err
    assert sent(service) == {"container_url": SAS}


def test_a_folder_outside_the_roots_comes_with_the_option_that_allows_it(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    detail = "This folder does not lie below a folder that the service may read."
    errors = [{"pointer": "/container_url", "detail": detail}]
    service.answer(SUBMIT, {"code": "url_not_allowed", "detail": detail, "errors": errors}, 422)
    assert command("submit", "/photos") == 2
    told = capsys.readouterr().err
    assert told.count(detail) == 1
    assert "`megabatch serve --allow-root /photos`" in told
    assert command("submit", SAS) == 2
    assert "--allow-root" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("workers", "says"), [(1, "Served now: demo."), (0, "No model is served now.")]
)
def test_a_model_that_nobody_serves_is_warned_of(
    command: Command,
    service: Service,
    workers: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.answer(SUBMIT, {**JOB, "model": "other", "waiting_for_workers": True}, 202)
    models = [{"name": "other", "workers": 0}, {"name": "demo", "workers": workers}]
    service.answer("GET /v1/models", {"data": models})
    assert command("submit", "/photos") == 0
    told = capsys.readouterr().err
    assert "Warning: no live worker serves other" in told
    assert says in told


def test_nobody_is_warned_of_a_model_that_is_served(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SUBMIT, JOB, 202)
    assert command("submit", "/photos") == 0
    assert "Warning" not in capsys.readouterr().err
