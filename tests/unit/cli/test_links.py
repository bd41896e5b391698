import json
import re
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service, job

ID = JOB["id"]
MAKE, SHOW = f"POST /v1/jobs/{ID}/links", f"GET /v1/jobs/{ID}/links"
LINK = {
    "id": "00112233445566ff",
    "gives": ["results", "page"],
    "created_at": "2026-05-01T10:00:00Z",
    "expires_at": "2026-05-31T10:00:00Z",
}
URLS = {
    "results": f"http://here/links/{'t' * 60}/results.json",
    "page": f"http://here/jobs/{ID}?link={'t' * 60}",
}


def test_a_link_is_printed_whole(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(MAKE, {**LINK, "urls": URLS}, 201)
    assert command("link", ID) == 0
    told = capsys.readouterr()
    assert told.out.split() == ["results", URLS["results"], "page", URLS["page"]]
    assert "Works until 2026-05-31 10:00 UTC" in told.err
    assert f"`megabatch links {ID} --revoke {LINK['id']}`" in told.err.replace("\n", " ")
    assert [json.loads(body) for body in service.bodies(MAKE)] == [{"days": 30}]


def test_one_url_stands_alone(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    url = URLS["results"] + "\x1b[31m"
    service.answer(MAKE, {**LINK, "urls": {"results": url}}, 201)
    assert command("link", ID, "--gives", "results", "--days", 3) == 0
    assert capsys.readouterr().out == f"{URLS['results']}\N{REPLACEMENT CHARACTER}[31m\n"
    [body] = service.bodies(MAKE)
    assert json.loads(body) == {"days": 3, "gives": ["results"]}


def test_a_link_for_programs(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(MAKE, {**LINK, "urls": URLS}, 201)
    assert command("link", ID, "--json") == 0
    assert json.loads(capsys.readouterr().out)["urls"] == URLS


def test_links_are_listed(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SHOW, {"data": [LINK]})
    assert command("links", ID) == 0
    line = capsys.readouterr().out.splitlines()[1]
    cells = ["00112233445566ff", "results, page", "2026-05-01 10:00", "2026-05-31 10:00"]
    assert re.split(r" {2,}", line) == cells
    assert command("links", ID, "--json") == 0
    assert json.loads(capsys.readouterr().out)["id"] == LINK["id"]


def test_no_links_are_said(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer(SHOW, {"data": []})
    assert command("links", ID) == 0
    assert capsys.readouterr().out == "No links.\n"


def test_a_link_is_revoked(command: Command, service: Service) -> None:
    revoke = f"DELETE /v1/jobs/{ID}/links/a%2Fb"
    service.answer(revoke, b"", 204)
    assert command("links", ID, "--revoke", "a/b") == 0
    assert service.bodies(revoke) == [b""]


@pytest.mark.parametrize(
    ("option", "path", "file"),
    [
        ("--failed-images", "failed-images", f"{ID}_failed_images.json"),
        ("--image-list", "image-list", f"{ID}_image_list.json"),
    ],
)
def test_lists_are_downloaded(
    command: Command,
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    path: str,
    file: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    service.answer(f"GET /v1/jobs/{ID}", job("completed", images_done=10, images_failed=1))
    service.answer(f"GET /v1/jobs/{ID}/{path}", b'["a.jpg"]')
    assert command("results", ID, option) == 0
    assert (tmp_path / file).read_bytes() == b'["a.jpg"]'


def test_a_download_is_compared_with_the_job(
    command: Command, service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = job("completed") | {"results": {"bytes": 2, "sha256": "0" * 64}}
    service.answer(f"GET /v1/jobs/{ID}", done)
    service.answer(f"GET /v1/jobs/{ID}/results", b"{}")
    assert command("results", ID, "-o", tmp_path / "results.json") == 3
    assert "SHA-256 is another" in capsys.readouterr().err.replace("\n", " ")
