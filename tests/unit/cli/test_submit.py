import json
from pathlib import Path

import pytest

from api.schemas import JobBody
from cli.submit import submit
from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service, job

SAS = "https://account.blob.core.windows.net/photos?sv=2024&sp=rl&sig=s3cret"
ID = JOB["id"]
SUBMIT, SHOW = "POST /v1/jobs", f"GET /v1/jobs/{ID}"
RESULTS = b"""{
"info": {"format_version": "1.6"},
"detection_categories": {"1": "animal"},
"images": [
{"file": "a.jpg", "detections": []},
{"file": "b.jpg", "detections": null, "failure": "image access failure: corrupt"},
{"file": "c.jpg", "detections": null, "failure": "image access failure: corrupt", "meta": "dusk"}
]
}
"""


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
    given = {parameter.name for parameter in submit.params} | {"container_url"}
    own = {"container", "url_file", "failed_of", "waits", "target", "as_json", "service"}
    assert given - own == set(JobBody.model_fields)


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
        (["--failed-of", ID, "--prefix", "a", "/x"], "--failed-of says already what --prefix"),
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


def old_job(service: Service, container_url: str | None) -> None:
    """A job in which b.jpg and c.jpg failed."""
    asked_for: dict[str, object] = {
        "container_url": container_url,
        "model": "demo",
        "detection_threshold": 0.0,
        "strip_prefix": "north/",
        "prefix": "north/a",
        "images": None,
        "include": [],
        "metadata": {"site": "north"},
        "name": "",
    }
    service.answer(SHOW, {**job("completed"), "request": asked_for})
    service.answer(f"{SHOW}/results", RESULTS)
    service.answer(SUBMIT, JOB, 202)


AGAIN = {
    "model": "demo",
    "detection_threshold": 0.0,
    "metadata": {"site": "north"},
    "strip_prefix": "north/",
    "prefix": "north/",
    "images": ["north/b.jpg", ["north/c.jpg", "dusk"]],
}


def test_the_failed_images_of_a_folder_need_no_container(
    command: Command, service: Service
) -> None:
    old_job(service, "/photos")
    assert command("submit", "--failed-of", ID) == 0
    assert sent(service) == AGAIN | {"container_url": "/photos"}


def test_the_failed_images_of_a_container_need_its_sas_url_again(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    old_job(service, "https://account.blob.core.windows.net/photos")
    assert command("submit", "--failed-of", ID) == 2
    assert "gives no SAS URL back" in capsys.readouterr().err
    assert command("submit", SAS, "--failed-of", ID, "--model", "other") == 0
    assert sent(service) == AGAIN | {"container_url": SAS, "model": "other"}


def test_failed_images_that_are_urls_need_no_container(command: Command, service: Service) -> None:
    service.answer(SHOW, {**job("completed"), "request": {"model": "demo"}})
    service.answer(
        f"{SHOW}/results",
        RESULTS.replace(b'"b.jpg"', b'"https://a/b.jpg"').replace(b'"c.jpg"', b'"https://a/c.jpg"'),
    )
    service.answer(SUBMIT, JOB, 202)
    assert command("submit", "--failed-of", ID) == 0
    assert sent(service) == {
        "model": "demo",
        "images": ["https://a/b.jpg", ["https://a/c.jpg", "dusk"]],
    }
