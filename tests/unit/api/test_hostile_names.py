"""Names that mean harm, on the pages and in the answers of the API."""

from typing import Any

from flask.testing import FlaskClient

from core.job_folder import JobFolder
from core.job_store import JobStore
from core.jobs import Progress
from tests.hostile_names import HOSTILE
from tests.unit.api.test_pages import ended, shown_text
from tests.unit.postprocessing.test_hostile_names import Elements

#: All names, where a job holds but a few words that others wrote.
COUNTS = dict.fromkeys(HOSTILE, 1)


def job_of_names(store: JobStore, folder: JobFolder) -> str:
    progress = Progress(listing_over=True, images=1, failures=COUNTS, skipped=COUNTS)
    request = {"metadata": {f"key {n}": name for n, name in enumerate(HOSTILE)}}
    return ended(store, folder, progress=progress, request=request)


def test_no_name_is_more_than_text_on_the_page_of_a_job(
    client: FlaskClient, store: JobStore, folder: JobFolder
) -> None:
    html = client.get(f"/jobs/{job_of_names(store, folder)}").text
    page = Elements(html)
    assert not page.tags & {"script", "iframe", "img", "object", "base"}
    assert not any(name.startswith("on") or name == "style" for name in page.attributes)
    assert not any(link.lower().startswith(("java", "//", "data:")) for link in page.links)
    text = shown_text(html)
    assert [name for name in HOSTILE if text.count(" ".join(name.split())) < 2] == []


def test_names_come_back_in_answers(
    client: FlaskClient, store: JobStore, folder: JobFolder
) -> None:
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_of_names(store, folder)}").get_json()
    assert list(job["request"]["metadata"].values()) == list(HOSTILE)
    assert job["progress"]["failures"] == job["progress"]["skipped"] == COUNTS


def test_names_that_are_asked_for_are_taken_or_refused(client: FlaskClient, pictures: str) -> None:
    for name in HOSTILE:
        body = {"container_url": pictures, "images": [name], "metadata": {"a": name[:500]}}
        answer = client.post("/v1/jobs?validate_only=true", json={**body, "prefix": name[:1000]})
        assert answer.status_code in (200, 422), (name, answer.text)
        assert answer.mimetype in ("application/json", "application/problem+json")
