import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from flask.testing import FlaskClient
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from api.factory import create_app
from core.config import Settings
from core.failures import FailureCode
from core.job_store import JobStore, Tally
from core.jobs import JobStatus
from tests.fixtures.redis_server import free_port

PAGE = (Path(__file__).parents[3] / "docs/metrics.md").read_text()
ROW = re.compile(r"^\| `(megabatch_\w+)` \| (\w+) \|(.*?)\| .+ \|$", re.MULTILINE)


def scrape(client: FlaskClient) -> dict[str, Metric]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {family.name: family for family in families}


def values(metric: Metric) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


def work(store: JobStore, job_id: str) -> None:
    """A job of two shards: one is done, with failures, and one is lost."""
    store.planned(job_id, 0, 10)
    store.planned(job_id, 1, 10)
    store.listed(job_id, shards=2, images=20, duplicates=0, skipped={})
    store.claim(job_id, 0, "w")
    store.done(job_id, 0, Tally(10, failures={"truncated": 2}), seconds=5)
    store.heartbeat("demo", "w")
    store.reap("reaper")


def test_the_page_describes_every_metric(
    client: FlaskClient, store: JobStore, submit: Callable[..., str]
) -> None:
    work(store, submit())
    client.get("/healthz")
    found = {
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in scrape(client).values()
        if not family.name.endswith("_created")
    }
    told = {
        (name, kind, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(PAGE)
    }
    assert found == told


def test_what_happened_to_jobs_is_told(
    client: FlaskClient, store: JobStore, submit: Callable[..., str]
) -> None:
    work(store, submit())
    found = scrape(client)
    images = values(found["megabatch_images"])
    assert {which for (which,) in images} == {"done", "kept", *FailureCode}
    assert (images["done",], images["truncated",], images["corrupt",]) == (8, 2, 0)
    assert values(found["megabatch_jobs"])["running",] == 1
    assert values(found["megabatch_jobs_accepted"]) == {(): 1}
    assert values(found["megabatch_jobs_ended"]) == {
        ("cancelled",): 0,
        ("completed",): 0,
        ("failed",): 0,
    }
    assert values(found["megabatch_shards"]) == {("ready",): 0, ("sent",): 1, ("leased",): 0}
    assert values(found["megabatch_open_shards"])["demo",] == 1
    assert values(found["megabatch_seconds_an_image"]) == {("demo",): 0.5}
    assert values(found["megabatch_live_workers"])["demo",] == 1
    assert values(found["megabatch_redis_up"]) == {(): 1}
    assert values(found["megabatch_reaper_age_seconds"])[()] < 5


def test_requests_are_counted_by_route_and_never_by_path(
    client: FlaskClient, submit: Callable[..., str]
) -> None:
    job_id = submit()
    for _ in range(3):
        client.get(f"/v1/jobs/{job_id}")
    client.get("/v1/jobs/" + "f" * 32)
    client.get("/CANARY/nowhere")
    client.open("/v1/jobs", method="CANARY")
    found = scrape(client)
    requests = values(found["megabatch_http_requests"])
    assert requests["GET", "/v1/jobs/<job_id>", "200"] == 3
    assert requests["GET", "/v1/jobs/<job_id>", "404"] == 1
    assert requests["GET", "none", "404"] == 1
    assert requests["other", "none", "405"] == 1
    seconds = found["megabatch_http_request_seconds"].samples
    counted = {
        (sample.labels["method"], sample.labels["route"]): sample.value
        for sample in seconds
        if sample.name.endswith("_count")
    }
    assert counted["GET", "/v1/jobs/<job_id>"] == 4


def test_no_name_that_somebody_gave_is_a_label(
    client: FlaskClient, store: JobStore, submit: Callable[..., str], pictures: str
) -> None:
    (Path(pictures) / "CANARY.jpg").write_bytes(b"x")
    (Path(pictures) / "x.CANARY").write_bytes(b"x")
    job_id = submit(name="CANARY", metadata={"CANARY": "CANARY"})
    work(store, job_id)
    store.claim(job_id, 1, "CANARY")
    store.done(job_id, 1, Tally(10, failures={"CANARY": 3}), seconds=5)
    store.heartbeat("CANARY", "CANARY")
    client.get("/v1/jobs?name=CANARY")
    client.get("/CANARY", headers={"X-Request-Id": "CANARY", "User-Agent": "CANARY"})
    text = client.get("/metrics").text
    assert "CANARY" not in text and job_id not in text


def test_redis_being_away_is_told_beside_what_is_known(settings: Settings) -> None:
    away = msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    client = create_app(away).test_client()
    client.get("/healthz")
    found = scrape(client)
    assert values(found["megabatch_redis_up"]) == {(): 0}
    assert values(found["megabatch_http_requests"])["GET", "/healthz", "200"] == 1
    assert "megabatch_jobs" not in found


@pytest.mark.parametrize("status", list(JobStatus))
def test_every_status_has_its_place(
    client: FlaskClient, store: JobStore, status: JobStatus
) -> None:
    store.reap("reaper")
    found = scrape(client)
    places = values(found["megabatch_jobs"]) | values(found["megabatch_jobs_ended"])
    assert (status,) in places


def test_two_apps_count_for_themselves(client: FlaskClient, settings: Settings) -> None:
    create_app(settings).test_client().get("/healthz")
    assert ("GET", "/healthz", "200") not in values(
        scrape(client).get("megabatch_http_requests", Metric("none", "", "counter"))
    )
