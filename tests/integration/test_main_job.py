"""The main job through real processes: accepted, planned, run, merged, downloaded."""

import pytest

from tests.fixtures.system import SLOW, System
from tests.integration.conftest import Pictures
from tests.integration.oracle import expected_images

pytestmark = pytest.mark.integration


def test_results_are_what_the_pictures_say(system: System, pictures: Pictures) -> None:
    pictures.add(100)
    pictures.write({"a/empty.jpg": b"", "a/text.jpg": b"no picture", "notes.txt": b"x"})
    del pictures.content["notes.txt"]
    system.start_all()
    job = system.wait(system.submit(container_url=str(pictures.folder), name="north"))
    assert job["status"] == "completed" and job["reason"] is None
    assert job["progress"]["failures"] == {"empty_file": 1, "not_an_image": 1}
    assert job["progress"]["skipped"] == {".txt": 1}
    assert system.results(job["id"])["images"] == expected_images(pictures.content)


def test_small_job_behind_a_large_one_finishes_long_before_it(
    system: System, pictures: Pictures
) -> None:
    pictures.add(2000, "large")
    pictures.add(20, "small")
    system.start_all(delay=SLOW / 2)
    folder = str(pictures.folder)
    large = system.submit(container_url=folder, prefix="large/")
    system.wait_until(lambda: system.job(large)["progress"]["shards_done"] > 0, "a shard is done")
    small = system.submit(container_url=folder, prefix="small/")
    system.wait(small)
    progress = system.job(large)["progress"]
    assert progress["images_done"] < progress["images"] / 2 == 1000
    assert system.wait(large)["status"] == "completed"
    for job_id, prefix in ((large, "large/"), (small, "small/")):
        names = [name for name in pictures.content if name.startswith(prefix)]
        expected = expected_images(pictures.content, sorted(names))
        assert system.results(job_id)["images"] == expected


def test_cancelled_job_serves_what_was_finished(system: System, pictures: Pictures) -> None:
    pictures.add(400)
    system.start_all(delay=SLOW)
    job_id = system.submit(container_url=str(pictures.folder))
    system.wait_until(lambda: system.job(job_id)["progress"]["shards_done"] > 1, "shards are done")
    system.call("POST", f"/v1/jobs/{job_id}/cancel")
    job = system.wait(job_id)
    assert job["status"] == "cancelled"
    found = system.results(job_id)["images"]
    assert 0 < len(found) == job["progress"]["images_done"] < 400
    expected = {image["file"]: image for image in expected_images(pictures.content)}
    assert all(expected[image["file"]] == image for image in found)


def test_empty_container_completes_and_says_so(system: System, pictures: Pictures) -> None:
    pictures.write({"notes.txt": b"x"})
    system.start_all()
    job = system.wait(system.submit(container_url=str(pictures.folder)))
    assert job["status"] == "completed" and "no image" in job["reason"]
    assert system.results(job["id"])["images"] == []


def test_control_worker_has_as_many_processes_as_it_is_told(system: System) -> None:
    system.environment["MEGABATCH_CONTROL_PROCESSES"] = "3"
    system.start_control()
    system.wait_until(lambda: len(system.pool_children("control")) == 3, "all have begun")
    system.end("control")
