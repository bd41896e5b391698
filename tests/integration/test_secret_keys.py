"""New secret keys for a service with a job in the middle, as docs/operations.md has it."""

from uuid import uuid4

import msgspec
import pytest
import urllib3

from cli import exit_codes
from cli.main import run
from core.sealing import new_secret_key
from tests.azurite_server import Azurite
from tests.fixtures.system import SLOW, System
from tests.integration.oracle import expected_images
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

BLOBS = {f"{n:03d}.jpg": jpeg(n) for n in range(120)}


def started_with(system: System, *keys: str) -> None:
    """Stop all parts, and start them with these keys."""
    system.stop()
    system.processes.clear()
    system.settings = msgspec.structs.replace(system.settings, secret_keys=keys)
    system.start_all(delay=SLOW)


def submitted(system: System, url: str) -> str:
    answer = urllib3.request(
        "POST",
        f"{system.url}/v1/jobs",
        json={"container_url": url},
        headers={"Idempotency-Key": "season-1"},
        retries=False,
    )
    assert answer.status == 202
    job_id: str = answer.json()["id"]
    return job_id


def test_a_secret_key_is_replaced_and_the_old_one_forgotten(
    system: System, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,), new = system.settings.secret_keys, new_secret_key()
    system.environment["MEGABATCH_ALLOWED_PRIVATE_RANGES"] = "127.0.0.0/8"
    container = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(container, BLOBS)
    url = azurite.container_url(container)
    system.start_all(delay=SLOW)
    job_id = submitted(system, url)
    link = system.call("POST", f"/v1/jobs/{job_id}/links", {"gives": ["page"]})["urls"]["page"]
    secret = system.call("GET", "/v1/webhook-secret")
    system.wait_until(lambda: system.job(job_id)["progress"]["images_done"] > 0, "images are done")

    # Who drops a key too early puts it back, and no job was harmed.
    started_with(system, new)
    system.wait_until(lambda: "MEGABATCH_SECRET_KEYS lacks the key" in system.logs(), "it is told")
    assert system.job(job_id)["status"] == "running"

    started_with(system, new, old)
    monkeypatch.setenv("MEGABATCH_STORAGE_URL", system.settings.storage_url)
    monkeypatch.setenv("MEGABATCH_SECRET_KEYS", f"{new},{old}")
    assert run(["reseal"]) == exit_codes.DONE
    started_with(system, new)

    job = system.wait(job_id)
    assert (job["status"], job["progress"]["images_failed"]) == ("completed", 0)
    assert system.results(job_id)["images"] == expected_images(BLOBS)
    assert submitted(system, url) == job_id
    assert urllib3.request("GET", link).status == 200
    assert system.call("GET", "/v1/webhook-secret") == secret
