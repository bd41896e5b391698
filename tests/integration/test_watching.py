"""What whoever runs a service sees of it: logs of all processes, and numbers that add up."""

import json
import re
from typing import Any

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

ASKED = 40
# No file name that an operating system takes can end a line of the log, or colour it.
NASTY = "north\n{}\x1b[31m\u2028.jpg"

# What Celery says to standard output when it stops; the log is standard error.
FAREWELL = re.compile(r"$|worker: ")


def lines(system: System) -> dict[str, list[dict[str, Any]]]:
    """The log of each process, read as programs read it: every line an object."""
    return {
        path.stem: [
            json.loads(line) for line in path.read_text().splitlines() if not FAREWELL.match(line)
        ]
        for path in sorted(system.log_files())
    }


def value_of(system: System, name: str, **labels: str) -> float:
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        text = http.request("GET", f"{system.url}/metrics").data.decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return 0


def ask(system: System) -> None:
    """Over a connection of its own, so that any process may get it."""
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        assert http.request("GET", f"{system.url}/v1/models").status == 200


def test_every_line_is_an_object_and_every_count_whole(system: System, pictures: Pictures) -> None:
    pictures.add(20)
    pictures.write({NASTY: jpeg(99), "broken.jpg": b"no picture"})
    system.start_control()
    system.start_hash_worker("one")
    system.start_api("api", "--processes", "3")
    job = system.wait(system.submit(container_url=str(pictures.folder)))
    assert job["status"] == "completed"
    counted = {"method": "GET", "route": "/v1/models", "status": "200"}
    before = value_of(system, "megabatch_http_requests_total", **counted)
    for _ in range(ASKED):
        ask(system)
    for _ in range(5):  # whichever process answers
        after = value_of(system, "megabatch_http_requests_total", **counted)
        assert after == before + ASKED
    assert value_of(system, "megabatch_images_total", result="not_an_image") == 1
    assert value_of(system, "megabatch_images_total", result="done") == 21
    assert value_of(system, "megabatch_jobs_ended_total", status="completed") == 1
    system.stop()
    logs = lines(system)
    assert set(logs) == {"api", "control", "one"} and all(logs.values())
    for name, found in logs.items():
        assert {"time", "level", "logger", "message"} <= set.intersection(*map(set, found)), name
    assert all(line["worker"] for line in logs["control"] + logs["one"])
    shown = [line for line in logs["api"] if line.get("job_id") == job["id"]]
    assert shown and all(line["request_id"] for line in shown)
