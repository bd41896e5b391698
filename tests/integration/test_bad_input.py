"""Bad input through real processes: a clear message, nothing lost, and no neighbour harmed."""

import json
from collections.abc import Callable, Iterator
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import urllib3

from tests.azurite_server import ACCOUNT, KEY, Azurite, start
from tests.fixtures.redis_server import RedisServer, free_port
from tests.fixtures.system import Refused, System
from tests.integration.conftest import Pictures
from tests.integration.oracle import expected_images
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

LOCAL = {"MEGABATCH_ALLOWED_PRIVATE_RANGES": "127.0.0.0/8"}
# What the service refuses to accept.


def sas_url_of(port: int) -> str:
    query = "sv=2022-11-02&sp=rl&se=2999-01-01T00:00:00Z&sr=c&sig=CANARY"
    return f"http://127.0.0.1:{port}/{ACCOUNT}/c?{query}"


def refusal(system: System, **body: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(Refused) as caught:
        system.submit(**body)
    return caught.value.status, caught.value.problem


def test_what_cannot_become_a_job_is_refused_with_what_to_do(
    system: System, pictures: Pictures, azurite: Azurite
) -> None:
    here, other = (f"refused-{uuid4().hex[:8]}" for _ in range(2))
    azurite.create_container(here, {"a.jpg": b""})
    foreign = azurite.container_url(here).replace(f"/{here}?", f"/{other}?")
    azurite.create_container(other)
    folder = str(pictures.folder)
    blob = azurite.blob_url(here, "a.jpg")
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"container_url": azurite.container_url(here, "r")}, "/container_url", "List"),
        ({"container_url": azurite.container_url(here, "l")}, "/container_url", "Read"),
        ({"container_url": foreign}, "/container_url", "another container"),
        ({"container_url": blob}, "/container_url", "container's own URL"),
        ({"container_url": azurite.container_url(here).partition("?")[0]}, "/container_url", "SAS"),
        ({"container_url": azurite.container_url("nowhere")}, "/container_url", "no such"),
        ({"container_url": f"{folder}/nowhere"}, "/container_url", "no folder"),
        ({"container_url": "/etc"}, "/container_url", "MEGABATCH_ALLOWED_ROOTS"),
        ({"container_url": "https://127.0.0.2.example/c"}, "/container_url", "MEGABATCH_ALLOWED"),
        ({"container_url": folder, "model": "megadetector"}, "/model", "megadetector-v3"),
        ({"container_url": folder, "images": ["a", "b", "a"]}, "/images", "'a'"),
        ({"images": [blob, blob.replace("sig=", "sig=x")]}, "/images", "a.jpg"),
        ({"container_url": folder, "images": [{"file": "a"}]}, "/images/0", '["a.jpg", "b.jpg"]'),
        ({"images": ["a.jpg"]}, "/images/0", "URL"),
        ({"images_url": "https://example.com/list.json"}, "/images_url", "MEGABATCH_ALLOWED_HOSTS"),
    ]
    system.environment |= LOCAL
    system.start_api()
    for body, pointer, words in cases:
        status, problem = refusal(system, **body)
        assert (status, problem["errors"][0]["pointer"]) == (422, pointer), problem
        assert words in problem["errors"][0]["detail"], problem
        assert "sig=" not in json.dumps(problem)
    assert system.call("GET", "/v1/jobs")["data"] == []
    assert not any((pictures.folder.parent / "storage").rglob("*.json"))
    assert azurite.container_url(here).partition("sig=")[2][:20] not in system.logs()


def submit_hastily(system: System, **body: Any) -> tuple[int, str]:
    """Status and code of the answer, which has ten seconds to come; three are promised."""
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        answer = http.request("POST", f"{system.url}/v1/jobs", json=body)
        return answer.status, answer.json().get("code", "")


def test_what_is_away_at_submission_is_told_and_nothing_is_accepted(
    system: System, pictures: Pictures, redis_server: RedisServer, silent_port: int
) -> None:
    system.environment |= LOCAL
    system.start_api()
    folder = str(pictures.folder)
    for port in (silent_port, free_port()):
        away = submit_hastily(system, container_url=sas_url_of(port))
        assert away == (503, "storage_unavailable")
    redis_server.kill()
    try:
        assert submit_hastily(system, container_url=folder) == (503, "unavailable")
    finally:
        redis_server.start()
    storage = pictures.folder.parent / "storage"
    storage.rename(storage.with_name("elsewhere"))
    storage.write_bytes(b"a file where a folder should be")
    assert submit_hastily(system, container_url=folder) == (503, "job_storage_unavailable")
    storage.unlink()
    storage.with_name("elsewhere").rename(storage)
    assert system.call("GET", "/v1/jobs")["data"] == []
    assert not any(storage.rglob("*.json")) and "CANARY" not in system.logs()
    assert submit_hastily(system, container_url=folder)[0] == 202


# What goes wrong after a job was accepted.


@pytest.fixture
def late_azurite() -> Iterator[Callable[[int], Azurite]]:
    """Starts an Azurite of the test's own, on a port that is known before."""
    started: list[Azurite] = []

    def begin(port: int) -> Azurite:
        started.append(start(port))
        return started[-1]

    yield begin
    for azurite in started:
        azurite.stop()


def test_everything_is_started_before_its_own_storage(
    system: System, pictures: Pictures, late_azurite: Callable[[int], Azurite]
) -> None:
    pictures.add(40)
    port = free_port()
    system.settings = msgspec.structs.replace(system.settings, storage_url="az://jobs")
    system.environment |= {
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{ACCOUNT}",
    }
    system.start_control()
    system.start_hash_worker("one")
    system.start("api", "api", "--host", "127.0.0.1", "--port", str(system.port))
    system.wait_until(lambda: system.refusal("GET", "/readyz") == 503, "the API says so")
    folder = str(pictures.folder)
    assert submit_hastily(system, container_url=folder) == (503, "job_storage_unavailable")
    late_azurite(port).create_container("jobs")
    system.wait_until(lambda: system.refusal("GET", "/readyz") is None, "the API is ready")
    job = system.wait(system.submit(container_url=folder))
    assert job["status"] == "completed"
    assert system.results(job["id"])["images"] == expected_images(pictures.content)


def test_blobs_that_changed_since_listing_fail_alone(system: System, azurite: Azurite) -> None:
    name, gone = (f"moving-{uuid4().hex[:8]}" for _ in range(2))
    blobs = {f"{n:02d}.jpg": jpeg(n) for n in range(40)}
    azurite.create_container(name, blobs)
    azurite.create_container(gone, {"a.jpg": jpeg()})
    system.environment |= LOCAL
    system.start_control()
    system.start_api()
    jobs = [system.submit(container_url=azurite.container_url(each)) for each in (name, gone)]
    for job_id in jobs:
        wait_for_listing(system, job_id)
    assert system.job(jobs[0])["waiting_for_workers"]
    azurite.upload(name, {"03.jpg": jpeg(99), "04.jpg": b""})
    with azurite.service() as service:
        service.get_blob_client(name, "05.jpg").delete_blob()
        service.get_blob_client(name, "06.jpg").set_standard_blob_tier("Archive")
        service.delete_container(gone)
    system.start_hash_worker("one")
    job = system.wait(jobs[0])
    assert job["status"] == "completed"
    assert job["progress"]["failures"] == {"archived": 1, "changed": 3}
    images = {image["file"]: image for image in system.results(jobs[0])["images"]}
    # 412 is also what Azurite answers for a blob that is gone, and that had another ETag.
    failed = {"03.jpg": "changed", "04.jpg": "changed", "05.jpg": "changed", "06.jpg": "archived"}
    assert {n: i["failure"] for n, i in images.items() if i["detections"] is None} == {
        n: f"image access failure: {code}" for n, code in failed.items()
    }
    whole = [n for n in blobs if n not in failed]
    assert [images[n] for n in whole] == expected_images(blobs, whole)
    system.wait_until(lambda: system.job(jobs[1])["status"] == "paused", "the other job pauses")
    assert "no longer there" in system.job(jobs[1])["reason"]


def wait_for_listing(system: System, job_id: str) -> None:
    system.wait_until(lambda: system.job(job_id)["progress"]["listing_over"], "listing is over")


def test_lists_that_will_not_do_end_their_jobs_with_what_to_do(
    system: System, azurite: Azurite, pictures: Pictures
) -> None:
    name = f"lists-{uuid4().hex[:8]}"
    pictures.add(30)
    listed = ["north/00002.jpg", "north/00001.jpg", "north/00002.jpg", "none.jpg", "../x.jpg"]
    lists = {
        "objects.json": b'[{"file": "a.jpg"}]',
        "lines.txt": b"a.jpg\nb.jpg\n",
        "names.json": b'["a.jpg"]',
        "empty.json": b"[]",
        "good.json": json.dumps(listed).encode(),
    }
    azurite.create_container(name, lists)
    system.environment |= LOCAL
    system.start_all()
    folder = str(pictures.folder)

    def submit(list_name: str, **body: Any) -> str:
        return system.submit(images_url=azurite.blob_url(name, list_name), **body)

    wrong = {
        submit("objects.json", container_url=folder): '["a.jpg", "b.jpg"]',
        submit("lines.txt", container_url=folder): "plain text or CSV",
        submit("absent.json", container_url=folder): "nothing at this URL",
        submit("names.json"): "container_url",
    }
    empty, good = (submit(f"{which}.json", container_url=folder) for which in ("empty", "good"))
    for job_id, words in wrong.items():
        job = system.wait(job_id)
        assert job["status"] == "failed" and words in job["reason"], job
        assert system.results(job_id)["images"] == [] and "sig=" not in json.dumps(job)
    assert "no image" in system.wait(empty)["reason"]
    progress = system.wait(good)["progress"]
    assert (progress["duplicates"], progress["failures"]) == (1, {"not_found": 2})
    images = system.results(good)["images"]
    assert [image["file"] for image in images] == [*listed[:2], *listed[3:]]
    assert images[:2] == expected_images(pictures.content, listed[:2])


def test_a_full_disk_stops_the_work_and_loses_nothing(system: System, pictures: Pictures) -> None:
    pictures.add(60)
    folder, jobs = str(pictures.folder), pictures.folder.parent / "storage" / "jobs"
    system.start_control()
    system.start_hash_worker("one")
    system.start_api()
    system.wait_until(lambda: system.live_workers() == 1, "a detection worker lives")
    limit_files(system, 0, "api", "one")
    assert submit_hastily(system, container_url=folder) == (503, "job_storage_unavailable")
    limit_files(system, RLIM_INFINITY, "api")
    planned = system.submit(container_url=folder)
    system.wait_until((jobs / planned / "shards").is_dir, "a worker has tried to write")
    limit_files(system, 0, "control")
    unplanned = system.submit(container_url=folder)
    system.wait_until((jobs / unplanned / "images").is_dir, "the planner has tried to write")
    progress = [system.job(job_id)["progress"] for job_id in (planned, unplanned)]
    assert (progress[0]["images_done"], progress[1]["images"]) == (0, 0)
    limit_files(system, RLIM_INFINITY, "control", "one")
    for job_id in (planned, unplanned):
        assert system.wait(job_id)["status"] == "completed"
        assert system.results(job_id)["images"] == expected_images(pictures.content)
    assert len(system.call("GET", "/v1/jobs")["data"]) == 2


def limit_files(system: System, size: int, *names: str) -> None:
    """Let processes write no file above so many bytes, as on a disk that is full."""
    for name in names:
        for pid in (system.processes[name].pid, *system.children(name)):
            prlimit(pid, RLIMIT_FSIZE, (size, RLIM_INFINITY))
