"""A SAS that ends in the middle of a job, and the fresh one that it goes on with."""

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from core.config import Settings
from tests.azurite_server import Azurite
from tests.fixtures.system import Refused, System
from tests.integration.oracle import expected_images
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

#: Seconds that an image takes: the job below takes twice as long as its SAS lasts.
DELAY = 0.16
BLOBS = {f"{n:03d}.jpg": jpeg(n) for n in range(200)}
SOON = timedelta(seconds=4)


@pytest.fixture
def system(settings: Settings, tmp_path: Path) -> Iterator[System]:
    logs = tmp_path / "logs"
    logs.mkdir()
    loopback = (ip_network("127.0.0.0/8"),)
    system = System(msgspec.structs.replace(settings, allowed_private_ranges=loopback), logs)
    try:
        system.start_all(delay=DELAY)
        # Its processes are warm then: a SAS must not end before anything was done.
        (settings.allowed_roots[0] / "pictures/warm.jpg").write_bytes(jpeg(0))
        system.wait(system.submit(container_url=str(settings.allowed_roots[0] / "pictures")))
        yield system
    finally:
        system.stop()


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(name, BLOBS)
    return name


def test_job_whose_sas_ends_pauses_goes_on_with_a_fresh_one_and_is_deleted(
    system: System, azurite: Azurite, container: str, tmp_path: Path
) -> None:
    job_id = system.submit(container_url=azurite.container_url(container, expires_in=SOON))
    system.wait_until(lambda: system.job(job_id)["status"] == "paused", "the job pauses")
    paused = system.job(job_id)
    assert paused["reason"].startswith("access_revoked")
    assert paused["progress"]["images_failed"] == 0
    assert 0 < paused["progress"]["images_done"] < len(BLOBS)
    path = f"/v1/jobs/{job_id}/container-url"
    system.call("PUT", path, {"container_url": azurite.container_url(container)})
    job = system.wait(job_id)
    assert job["status"] == "completed" and job["progress"]["images_failed"] == 0
    assert system.results(job_id)["images"] == expected_images(BLOBS)
    delete_with_all_files(system, job_id, tmp_path)


def delete_with_all_files(system: System, job_id: str, tmp_path: Path) -> None:
    files = tmp_path / "storage/jobs" / job_id
    assert files.exists()
    system.call("DELETE", f"/v1/jobs/{job_id}")
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/results"):
        with pytest.raises(Refused) as caught:
            system.call("GET", path)
        assert caught.value.status == 410
    system.start_control("control again")  # its cleaner works at once
    system.wait_until(lambda: not files.exists(), "the files are deleted")


def both_work(system: System, job_id: str) -> bool:
    progress = system.job(job_id)["progress"]
    return bool(progress["listing_over"] and progress["shards_running"] == 2)


def test_running_job_takes_up_a_fresh_sas_without_a_pause(
    system: System, azurite: Azurite, container: str, tmp_path: Path
) -> None:
    job_id = system.submit(container_url=azurite.container_url(container, expires_in=SOON))
    system.wait_until(lambda: both_work(system, job_id), "both workers have opened the container")
    path = f"/v1/jobs/{job_id}/container-url"
    system.call("PUT", path, {"container_url": azurite.container_url(container)})
    statuses = set()

    def ended() -> bool:
        status = system.job(job_id)["status"]
        statuses.add(status)
        return status == "completed"

    system.wait_until(ended, "the job ends")
    assert "paused" not in statuses
    assert system.results(job_id)["images"] == expected_images(BLOBS)
    logs = "".join(log.read_text() for log in (tmp_path / "logs").glob("*.log"))
    assert "going on with the fresh SAS" in logs
