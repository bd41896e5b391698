"""The pages for people, as they are answered; `tests/browser` looks at them in a browser."""

import json
import logging
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.factory import create_app
from api.job_page import REFRESH_SECONDS
from api.page import POLICY
from api.pages import PAGE_JOBS
from api.sign_in import SIGNED_IN_SECONDS
from core.catalog import DEMO, MODELS
from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import FinalRecord, Job, JobStatus, Progress
from core.key_ring import open_key_ring
from core.keys import Scope
from core.sealing import new_secret_key
from tests.factories import accepted_job
from tests.unit.test_docs import DEFAULTS, problem, rows

Submit = Callable[..., str]
End = Callable[..., FinalRecord]

HOSTILE = "\"><script>alert(1)</script>'{{31337*31337}}"


def shown_text(html: str) -> str:
    """What a person reads, with every run of white space as one space."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def links_out(html: str) -> list[str]:
    return re.findall(r'<a [^>]*href="https?://[^>]*>', html)


# The page at `/`.


def test_the_first_page_links_to_every_file_of_every_model(client: FlaskClient) -> None:
    html = client.get("/").text
    for model in MODELS.values():
        if model is not DEMO:
            assert {"config", "checkpoint"} == set(model.downloads)
            for url, *_ in (model.mirrors, *model.downloads.values()):
                assert f'href="{url}"' in html
            assert model.notes in unescape(html)
            assert model.released in html
            assert all(f'href="{data.url}"' in html for data in model.new_data)


def test_the_first_page_needs_neither_redis_nor_the_storage(tmp_path: Path) -> None:
    settings = Settings(
        redis_url="redis://127.0.0.1:1/0",
        storage_url=f"file://{tmp_path}/gone",
        secret_keys=(new_secret_key(),),
        default_model="demo",
    )
    assert create_app(settings).test_client().get("/").status_code == 200


def test_its_pictures_say_which_model_drew_the_boxes(client: FlaskClient) -> None:
    captions = re.findall(r"<figcaption.*?</figcaption>", client.get("/").text, re.DOTALL)
    assert len(captions) == 2
    assert all("demo model, not MegaDetector" in shown_text(one) for one in captions)


def test_its_pictures_are_there_and_small(client: FlaskClient) -> None:
    html = client.get("/").text
    sources = re.findall(r'(?:src|poster|href)="(/static/[^"]+)"', html)
    assert {Path(source).suffix for source in sources} == {".css", ".svg", ".jpg", ".mp4"}
    for source in sources:
        with client.get(source) as answer:
            assert answer.status_code == 200
            assert len(answer.data) < 500_000


def test_its_commands_exist(client: FlaskClient) -> None:
    blocks = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", client.get("/").text, re.DOTALL)
    lines = [line for block in blocks for line in unescape(block).splitlines()]
    commands = [line.split()[1:] for line in lines if line.startswith("megabatch ")]
    assert len(commands) == 4
    assert [found for words in commands if (found := problem(words))] == []


def test_its_curl_example_is_one_that_the_api_takes(client: FlaskClient) -> None:
    (body,) = re.findall(r"-d &#39;(.*?)&#39;|-d '(.*?)'", client.get("/").text)
    sent = json.loads(unescape("".join(body)))
    answer = client.post("/v1/jobs", json=sent)
    assert answer.status_code == 422
    # Everything but the placeholder can be used.
    assert {error["pointer"] for error in answer.get_json()["errors"]} == {"/container_url"}


def test_its_program_reads_a_results_file(
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (program,) = re.findall(r'<code class="python">(.*?)</code>', client.get("/").text, re.DOTALL)
    detection = {"category": "1", "conf": 0.934, "bbox": [0.2, 0.1, 0.5, 0.6]}
    images = [
        {"file": "a.jpg", "detections": [detection, detection | {"conf": 0.2}]},
        {"file": "b.jpg", "detections": None, "failure": "image access failure: truncated"},
    ]
    results = {"images": images, "detection_categories": {"1": "animal"}}
    (tmp_path / "results.json").write_text(json.dumps(results))
    monkeypatch.chdir(tmp_path)
    exec(compile(unescape(program), "page", "exec"), {})
    assert capsys.readouterr().out == "a.jpg animal [0.2, 0.1, 0.5, 0.6]\n"


# Every page.


def test_every_page_loads_from_here_alone_and_tells_nobody_where_one_was(
    client: FlaskClient, submit: Submit
) -> None:
    for path in ("/", "/jobs", f"/jobs/{submit()}", "/sign-in", "/jobs/none"):
        answer = client.get(path)
        assert answer.mimetype == "text/html"
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert '<html lang="en">' in answer.text
        assert "<script" not in answer.text
        assert "style=" not in answer.text
        assert not re.search(r'(src|poster)="(?!/static/)', answer.text)
        assert all('rel="noreferrer"' in link for link in links_out(answer.text))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs/none", 404),
        (f"/jobs/{'0' * 32}", 404),
        (f"/jobs/{'0' * 32}/results", 404),
        (f"/jobs/{'0' * 32}/page", 404),
        (f"/jobs/{'0' * 32}/x", 404),
        ("/jobs?cursor=forged", 400),
    ],
)
def test_problems_are_pages(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(path, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert answer.headers["X-Request-Id"] in answer.text
    assert "WWW-Authenticate" not in answer.headers


def test_what_goes_wrong_within_is_told_to_the_log_alone(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> Any:
        raise RuntimeError("CANARY")

    monkeypatch.setitem(app.view_functions, "pages.show", broken)
    answer = client.get(f"/jobs/{'0' * 32}")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "CANARY" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("GET", "/", {"headers": {"Host": 'a"><b>'}}),
        ("GET", "/jobs", {"headers": {"Cookie": "megabatch_signed_in=\xff\xfe"}}),
        ("GET", "/jobs?cursor=%00%ff", {}),
        ("GET", "/jobs/%ff/results?link=%ff%00", {}),
        ("POST", "/sign-in", {"data": {"key": "x" * 600_000}}),
        ("POST", "/sign-in", {"data": {"key": "x" * 9_000_000}}),
        ("POST", "/sign-in", {"data": b"\xff\x00", "content_type": "multipart/form-data"}),
        ("POST", "/sign-in", {"json": {"key": "x"}}),
    ],
)
def test_odd_requests_are_answered_on_a_page(
    client: FlaskClient, method: str, path: str, sent: dict[str, Any]
) -> None:
    answer = client.open(path, method=method, **sent)
    assert answer.status_code < 500
    assert answer.mimetype == "text/html"
    assert "<b>" not in answer.text


# A job.


def test_a_job_that_runs_loads_itself_again(
    client: FlaskClient, submit: Submit, store: JobStore
) -> None:
    job = submit()
    store.planned(job, 0, 60)
    html = client.get(f"/jobs/{job}").text
    assert '<meta http-equiv="refresh" content="10">' in html
    text = shown_text(html)
    assert "running" in text
    assert "0 of 60 images so far; listing goes on" in text
    assert "no worker runs the model demo" in text
    assert "They are here once the job has ended." in text


def test_a_job_that_has_ended_rests_and_gives_its_files(
    client: FlaskClient, submit: Submit, end: End
) -> None:
    job = submit(name="Site 4")
    end(job, b'{"a": 1}')
    html = client.get(f"/jobs/{job}").text
    assert "http-equiv" not in html
    assert "<h1>Site 4</h1>" in html
    files = re.findall(rf'href="(/jobs/{job}/[^"]*)"', html)
    assert [Path(file).name for file in files] == ["results", "failed-images", "image-list"]
    answer = client.get(files[0])
    assert answer.data == b'{"a": 1}'
    assert answer.headers["Content-Disposition"].startswith(
        'attachment; filename="megabatch_Site_4'
    )
    assert client.get(files[0], headers={"Range": "bytes=2-4"}).data == b'a":'


def test_a_file_of_a_job_that_runs_is_asked_for_again_later(
    client: FlaskClient, submit: Submit
) -> None:
    answer = client.get(f"/jobs/{submit()}/results")
    assert (answer.status_code, answer.mimetype) == (409, "text/html")
    assert "Retry-After" in answer.headers


def test_a_job_whose_sas_expired_says_what_to_do(
    client: FlaskClient, submit: Submit, store: JobStore
) -> None:
    job = submit()
    store.pause(job, "access_revoked: The SAS has expired.")
    text = shown_text(client.get(f"/jobs/{job}").text)
    assert "Give the job a fresh SAS URL" in text
    assert "The SAS has expired." in text


def test_a_deleted_job_is_gone(client: FlaskClient, submit: Submit, end: End) -> None:
    job = submit()
    end(job, b"{}")
    assert client.delete(f"/v1/jobs/{job}").status_code == 204
    answer = client.get(f"/jobs/{job}")
    assert (answer.status_code, answer.mimetype) == (410, "text/html")
    assert "was deleted" in answer.text


def ended(store: JobStore, folder: JobFolder, **fields: Any) -> str:
    """A job that has ended, with these fields of its final record."""
    job = accepted_job("5" * 32, name=fields.pop("name", ""), **fields.pop("request", {}))
    folder.accept(job)
    store.create(job)
    store.cancel(job.id)
    final = FinalRecord(
        id=job.id,
        status=JobStatus.CANCELLED,
        model="demo",
        name=job.request.name,
        created_at=job.created_at,
        started_at=None,
        finished_at=job.created_at,
        results=None,
        **{"reason": None, "progress": Progress(), **fields},
    )
    folder.write_final(final)
    assert store.finish(final)
    return job.id


def test_failures_and_files_passed_over_are_told_in_words_most_first(
    client: FlaskClient, store: JobStore, folder: JobFolder
) -> None:
    failures = {"truncated": 2, "not_an_image": 1200, "of_tomorrow": 1}
    progress = Progress(
        listing_over=True,
        images=2000,
        images_done=2000,
        images_failed=1203,
        images_kept=500,
        failures=failures,
        skipped={".MP4".lower(): 7, "": 3},
        duplicates=4,
    )
    text = shown_text(client.get(f"/jobs/{ended(store, folder, progress=progress)}").text)
    assert "1,200 not_an_image The file is not a picture, whatever its name says." in text
    assert text.index("not_an_image") < text.index("truncated") < text.index("of_tomorrow")
    assert "7 .mp4 3 no suffix" in text
    assert "Videos are passed over" in text
    assert f"megabatch retry-failed {'5' * 32}" in text
    assert problem(["retry-failed", "5" * 32]) is None
    assert problem(["container-url"]) is None  # which the page of a paused job names
    assert "Taken over 500" in text
    assert "Named twice 4" in text


def test_what_others_wrote_is_text_and_nothing_else(
    client: FlaskClient, store: JobStore, folder: JobFolder
) -> None:
    progress = Progress(images=1, failures={HOSTILE: 1}, skipped={HOSTILE: 1})
    request = {"metadata": {HOSTILE: HOSTILE}, "prefix": HOSTILE, "container_url": HOSTILE}
    job = ended(store, folder, name=HOSTILE, reason=HOSTILE, progress=progress, request=request)
    for path in (f"/jobs/{job}", "/jobs", f"/jobs?cursor={HOSTILE}", f"/sign-in?next={HOSTILE}"):
        html = client.get(path).text
        assert "<script" not in html
        assert str(31337**2) not in html
    assert shown_text(client.get(f"/jobs/{job}").text).count(HOSTILE) >= 7


def test_speed_and_time_left_are_shown_where_they_are_known(
    client: FlaskClient, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit()
    get = JobStore.get

    def fast(self: JobStore, job_id: str) -> Job | None:
        job = get(self, job_id)
        return job and msgspec.structs.replace(job, images_per_second=12.46, seconds_left=7300)

    assert "a second" not in shown_text(client.get(f"/jobs/{job_id}").text)
    monkeypatch.setattr(JobStore, "get", fast)
    text = shown_text(client.get(f"/jobs/{job_id}").text)
    assert "12.5 images a second, about 2 hours left" in text


# Links.


def link_to(client: FlaskClient, job: str, *gives: str) -> dict[str, str]:
    made = client.post(f"/v1/jobs/{job}/links", json={"gives": gives})
    assert made.status_code == 201, made.text
    urls: dict[str, str] = made.get_json()["urls"]
    return urls | {"id": made.get_json()["id"]}


#: Somebody who is not on the service's machine and has no key.
AFAR = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}


def test_a_link_shows_the_page_and_the_files_that_it_gives(
    client: FlaskClient, submit: Submit, end: End
) -> None:
    job = submit()
    end(job, b"{}")
    path = link_to(client, job, "page", "results")["page"].removeprefix("http://localhost")
    assert client.get(f"/jobs/{job}", **AFAR).status_code == 401
    answer = client.get(path, **AFAR)
    assert answer.status_code == 200
    (file,) = re.findall(rf'href="(/jobs/{job}/[^"]*)"', answer.text)
    assert client.get(unescape(file), **AFAR).data == b"{}"
    token = path.partition("=")[2]
    assert client.get(f"/jobs/{job}/image-list?link={token}", **AFAR).status_code == 404


def test_a_link_to_the_page_gives_no_other_job_and_no_list(
    client: FlaskClient, submit: Submit
) -> None:
    job, other = submit(), submit()
    token = link_to(client, job, "page")["page"].partition("=")[2]
    assert client.get(f"/jobs/{job}?link={token}", **AFAR).status_code == 200
    assert client.get(f"/jobs/{other}?link={token}", **AFAR).status_code == 404
    assert client.get(f"/jobs?link={token}", **AFAR).status_code == 401
    assert client.get(f"/v1/jobs/{job}?link={token}", **AFAR).status_code == 401


def test_a_link_to_a_file_does_not_show_the_page(client: FlaskClient, submit: Submit) -> None:
    job = submit()
    token = link_to(client, job, "results")["results"].split("/")[-2]
    assert client.get(f"/jobs/{job}?link={token}", **AFAR).status_code == 404


def test_a_revoked_or_forged_link_shows_nothing(client: FlaskClient, submit: Submit) -> None:
    job = submit()
    link = link_to(client, job, "page")
    token = link["page"].partition("=")[2]
    assert client.get(f"/jobs/{job}?link={token[::-1]}", **AFAR).status_code == 404
    assert client.delete(f"/v1/jobs/{job}/links/{link['id']}").status_code == 204
    answer = client.get(f"/jobs/{job}?link={token}", **AFAR)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert token not in answer.text


def test_the_token_of_a_link_stands_in_no_log(
    client: FlaskClient, submit: Submit, caplog: pytest.LogCaptureFixture
) -> None:
    job = submit()
    token = link_to(client, job, "page", "results")["page"].partition("=")[2]
    with caplog.at_level(logging.DEBUG):
        client.get(f"/jobs/{job}?link={token}")
        client.get(f"/jobs/{job}/results?link={token}")
        client.get(f"/jobs/{'0' * 32}?link={token}")
    assert job in caplog.text
    assert token not in caplog.text


# The list.


def test_the_defaults_are_those_of_the_documentation() -> None:
    told = {row[0]: row[1] for row in rows(DEFAULTS, "Pages")}
    assert told == {
        "signed in": f"{SIGNED_IN_SECONDS // 3600} hours",
        "loading again": f"{REFRESH_SECONDS} s",
        "jobs on a page": str(PAGE_JOBS),
    }


def test_a_long_list_goes_on_on_another_page(
    client: FlaskClient, store: JobStore, folder: JobFolder
) -> None:
    for n in range(PAGE_JOBS + 1):
        job = accepted_job(f"{n:032x}", seconds_ago=1000 - n, name=f"number-{n}")
        folder.accept(job)
        store.create(job)
    html = client.get("/jobs").text
    names = re.findall(r">number-(\d+)<", html)
    assert names == [str(n) for n in range(PAGE_JOBS, 0, -1)]
    (older,) = re.findall(r'rel="next" href="([^"]*)"', html)
    following = client.get(unescape(older)).text
    assert re.findall(r">number-(\d+)<", following) == ["0"]
    assert 'rel="next"' not in following


def test_a_list_without_jobs_says_how_to_submit_one(client: FlaskClient) -> None:
    assert "There are no jobs yet." in shown_text(client.get("/jobs").text)


def test_whose_a_job_is_is_shown_to_who_sees_everybodys(
    client: FlaskClient, settings: Settings, pictures: str
) -> None:
    ring = open_key_ring(settings)
    for caller, scopes in (("anna", (Scope.READ, Scope.SUBMIT)), ("boss", (Scope.ADMIN,))):
        headers = {"Authorization": f"Bearer {ring.create(caller, scopes)}"}
        client.post("/v1/jobs", json={"container_url": pictures}, headers=headers)
        text = shown_text(client.get("/jobs", headers=headers).text)
        assert ("of anna" in text) == (caller == "boss")
