"""Jobs on a real Azurite: images in a SAS container, our own storage in another."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from core.config import Settings
from core.containers.names import is_image_name
from tests.azurite_server import Azurite
from tests.fixtures.system import SLOW, Refused, System
from tests.hostile_names import HOSTILE, is_blob_name
from tests.integration.oracle import expected_images
from tests.pictures import jpeg

pytestmark = pytest.mark.integration


@pytest.fixture
def cloud(settings: Settings, azurite: Azurite, tmp_path: Path) -> Iterator[System]:
    """A system whose own storage is a container in Azurite; nothing of it runs yet."""
    jobs = f"jobs-{uuid4().hex[:8]}"
    azurite.create_container(jobs)
    settings = msgspec.structs.replace(
        settings,
        storage_url=f"az://{jobs}",
        allowed_private_ranges=(ip_network("127.0.0.0/8"),),
    )
    logs = tmp_path / "logs"
    logs.mkdir()
    system = System(settings, logs)
    system.environment |= azurite.variables
    yield system
    system.stop()


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(name)
    return name


def upload(azurite: Azurite, container: str, blobs: dict[str, bytes]) -> None:
    names = list(blobs)
    parts = [{name: blobs[name] for name in names[start::8]} for start in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda part: azurite.upload(container, part), parts))


def test_hostile_names_come_back_right_and_the_sas_nowhere(
    cloud: System, azurite: Azurite, container: str, tmp_path: Path
) -> None:
    names = [name for name in HOSTILE if is_blob_name(name) and is_image_name(name)]
    blobs = {name: jpeg(n) for n, name in enumerate(names)}
    upload(azurite, container, blobs)
    url = azurite.container_url(container)
    signature = url.partition("sig=")[2].partition("&")[0]
    cloud.start_all()
    job = cloud.wait(cloud.submit(container_url=url, name="north"))
    results = cloud.results(job["id"])
    found = {image["file"]: image for image in results["images"]}
    assert found == {image["file"]: image for image in expected_images(blobs)}
    assert job["status"] == "completed"
    kept = [path.read_text(errors="replace") for path in (tmp_path / "logs").iterdir()]
    kept += [json.dumps(results), json.dumps(cloud.job(job["id"]))]
    kept += own_files(azurite, cloud.settings.storage_url.removeprefix("az://"))
    assert len(kept) > 10 and not any(signature in text for text in kept)


def own_files(azurite: Azurite, container: str) -> list[str]:
    with azurite.service() as service, service.get_container_client(container) as client:
        return [client.download_blob(blob.name).readall().decode() for blob in client.list_blobs()]


@pytest.mark.timeout(300)
def test_first_shard_runs_before_a_long_listing_is_over(
    cloud: System, azurite: Azurite, container: str
) -> None:
    upload(azurite, container, {f"{n:05d}.jpg": b"" for n in range(12_000)})
    cloud.start_all()
    job_id = cloud.submit(container_url=azurite.container_url(container))
    until = time.monotonic() + 60
    while not (progress := cloud.job(job_id)["progress"])["shards_running"]:
        assert time.monotonic() < until
    assert not progress["listing_over"] and progress["images"] < 12_000
    cloud.wait_until(lambda: cloud.job(job_id)["progress"]["listing_over"], "listing is over", 120)
    cloud.call("POST", f"/v1/jobs/{job_id}/cancel")
    done = cloud.wait(job_id)["progress"]
    assert done["images"] == 12_000
    assert done["failures"] == {"empty_file": done["images_done"]}


def test_list_of_names_and_list_of_urls(cloud: System, azurite: Azurite, container: str) -> None:
    blobs = {f"{n}.jpg": jpeg(n) for n in range(4)}
    listed = [["2.jpg", "north"], ["0.jpg", "south"], ["2.jpg", "again"], ["missing.jpg", ""]]
    urls = [azurite.blob_url(container, name) for name in ("3.jpg", "1.jpg")]
    lists = {"names.json": json.dumps(listed).encode(), "urls.json": json.dumps(urls).encode()}
    upload(azurite, container, blobs | lists)
    cloud.start_all()
    names = cloud.submit(
        container_url=azurite.container_url(container),
        images_url=azurite.blob_url(container, "names.json"),
    )
    full = cloud.submit(images_url=azurite.blob_url(container, "urls.json"))
    job = cloud.wait(names)
    assert job["progress"]["duplicates"] == 1 and job["progress"]["failures"] == {"not_found": 1}
    images = cloud.results(names)["images"]
    assert [(image["file"], image["meta"]) for image in images] == [
        ("2.jpg", "north"), ("0.jpg", "south"), ("missing.jpg", ""),
    ]  # fmt: skip
    cloud.wait(full)
    files = [image["file"] for image in cloud.results(full)["images"]]
    plain = azurite.account_url + f"/{container}"
    assert files == [f"{plain}/3.jpg", f"{plain}/1.jpg"]


def test_detection_worker_dies_while_storage_is_in_the_cloud(
    cloud: System, azurite: Azurite, container: str
) -> None:
    blobs = {f"{n:03d}.jpg": jpeg(n) for n in range(200)}
    upload(azurite, container, blobs)
    cloud.start_all(delay=SLOW)
    job_id = cloud.submit(container_url=azurite.container_url(container))
    cloud.wait_until(lambda: cloud.job(job_id)["progress"]["shards_done"] > 0, "a shard is done")
    cloud.kill("one")
    assert cloud.wait(job_id)["status"] == "completed"
    assert cloud.results(job_id)["images"] == expected_images(blobs)


@pytest.mark.parametrize(
    ("permissions", "expires_in", "word"),
    [("r", 1, "List"), ("l", 1, "Read"), ("rl", -1, "expired")],
)
def test_sas_that_will_not_do_is_refused_with_what_to_do(
    cloud: System, azurite: Azurite, container: str, permissions: str, expires_in: int, word: str
) -> None:
    cloud.start_api()
    url = azurite.container_url(container, permissions, expires_in=timedelta(hours=expires_in))
    with pytest.raises(Refused) as caught:
        cloud.submit(container_url=url)
    problem = caught.value.problem
    assert caught.value.status == 422 and problem["errors"][0]["pointer"] == "/container_url"
    assert word in problem["detail"] and "sig=" not in json.dumps(problem)
    assert cloud.call("GET", "/v1/jobs")["data"] == []


def test_container_that_is_not_there_is_refused(cloud: System, azurite: Azurite) -> None:
    cloud.start_api()
    with pytest.raises(Refused) as caught:
        cloud.submit(container_url=azurite.container_url("nowhere"))
    assert caught.value.status == 422
