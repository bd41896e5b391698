"""Retries and previous jobs through real processes."""

import pytest

from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.integration.oracle import expected_images
from tests.pictures import jpeg

pytestmark = pytest.mark.integration


def test_retry_and_next_month_give_whole_results(system: System, pictures: Pictures) -> None:
    pictures.add(150)
    pictures.write({"a/empty.jpg": b"", "a/text.jpg": b"no picture"})
    system.start_all()
    folder = str(pictures.folder)
    parent = system.wait(system.submit(container_url=folder))["id"]

    pictures.write({"a/empty.jpg": jpeg(500)})
    child = system.call("POST", f"/v1/jobs/{parent}/retry-failed")["id"]
    retried = system.wait(child)
    assert retried["status"] == "completed" and retried["parent"] == parent
    counts = retried["progress"]
    assert (counts["images"], counts["images_kept"], counts["images_failed"]) == (152, 150, 1)
    assert system.results(child)["images"] == expected_images(pictures.content)

    pictures.write({"a/text.jpg": jpeg(501)})
    pictures.add(20, "october")
    following = system.wait(system.submit(container_url=folder, previous_job=child))
    counts = following["progress"]
    assert (counts["images"], counts["images_kept"], counts["images_failed"]) == (172, 150, 0)
    assert system.results(following["id"])["images"] == expected_images(pictures.content)
