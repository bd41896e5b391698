"""What a retry read in another version than the listed one is nobody's result of the listed one."""

import os
from collections.abc import Callable
from ipaddress import ip_network
from uuid import uuid4

import msgspec
import pytest

from core.config import Settings
from core.containers.listing import MAX_IMAGE_BYTES
from core.containers.opening import open_container
from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.job_folder import JobFolder
from core.sealing import Sealer
from tests.azurite_server import Azurite
from tests.integration.oracle import expected_images
from tests.pictures import jpeg
from tests.unit.workers.conftest import Bench
from tests.unit.workers.test_taking_over import (
    CHILD,
    PARENT,
    THIRD,
    Pictures,
    breaking,
    cancel_early,
    listed,
    pictures,
    put,
    read,
    results,
    retry,
    run,
)
from workers.planner import plan_job
from workers.reading import ListedAsRead, Reading
from workers.shard_runner import run_shard

__all__ = ["pictures", "read"]

FOURTH = "e" * 32
Restore = Callable[[], None]


@pytest.fixture
def replaced(bench: Bench, pictures: Pictures) -> Restore:
    """`07.jpg`, which the parent listed and did not reach, is another picture when the retry reads
    it. What this returns puts the old one back, its time and all.
    """
    cancel_early(bench)
    path = bench.pictures / "07.jpg"
    listed_at = path.stat()
    path.write_bytes(jpeg(107))
    retry(bench)
    run(bench, CHILD)
    assert results(bench, CHILD) != expected_images(pictures)

    def restore() -> None:
        path.write_bytes(pictures["07.jpg"])
        os.utime(path, ns=(listed_at.st_atime_ns, listed_at.st_mtime_ns))

    return restore


def test_what_was_read_in_another_version_is_not_taken_over_as_the_listed_one(
    bench: Bench, pictures: Pictures, replaced: Restore
) -> None:
    replaced()
    bench.accept(THIRD, previous_job=CHILD)
    assert run(bench, THIRD).progress.images_kept == 36
    assert results(bench, THIRD) == expected_images(pictures)
    assert listed(bench, THIRD)[7] == listed(bench, PARENT)[7]  # by the list, nothing happened


def test_retry_that_keeps_it_passes_on_that_nobody_knows_its_version(
    bench: Bench, pictures: Pictures, replaced: Restore
) -> None:
    retry(bench, THIRD, CHILD)
    assert run(bench, THIRD).progress.images_kept == 37
    replaced()
    bench.accept(FOURTH, previous_job=THIRD)
    assert run(bench, FOURTH).progress.images_kept == 36
    assert results(bench, FOURTH) == expected_images(pictures)


def test_all_notes_stand_before_the_output_does(
    bench: Bench, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel_early(bench)
    put(bench, {"07.jpg": jpeg(107)})
    retry(bench)
    plan_job(bench.context, CHILD)
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(JobFolder, "write_shard_output", breaking(SystemExit()))
        run_shard(bench.context, CHILD, 0)
    # Another worker finds a later version still.
    put(bench, {"09.jpg": jpeg(109)})
    run(bench, CHILD)
    unknown = [
        n for n, image in enumerate(ListedAsRead(bench.folder, CHILD).images(0)) if not image.etag
    ]
    assert unknown == [7, 9]


def test_no_other_job_reads_what_was_not_listed(bench: Bench, pictures: Pictures) -> None:
    bench.accept(PARENT)
    plan_job(bench.context, PARENT)
    put(bench, {"07.jpg": jpeg(107)})
    run(bench, PARENT)
    assert results(bench, PARENT)[7]["failure"] == "image access failure: changed"
    assert bench.folder.changed.notes(PARENT) == {}


def test_reading_azure_in_any_version(settings: Settings, azurite: Azurite) -> None:
    name = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(name, {"a.jpg": b"first"})
    settings = msgspec.structs.replace(
        settings, allowed_private_ranges=(ip_network("127.0.0.0/8"),)
    )
    sealer = Sealer(settings.secret_keys)
    container = open_container(azurite.container_url(name), settings, sealer)
    ((image,),) = (page.images for page in container.pages())
    reading = Reading(container, any_version=True)
    assert reading.read(image) == b"first" and reading.changed == []
    # Listed as too large, it may have been made smaller.
    listed_large = msgspec.structs.replace(image, size=MAX_IMAGE_BYTES + 1)
    assert reading.read(listed_large) == b"first" and reading.changed == []
    azurite.upload(name, {"a.jpg": b"second"})
    assert reading.read(listed_large) == b"second" and reading.changed == ["a.jpg"]
    strict = Reading(container, any_version=False)
    assert strict.read(image) == ImageFailure(FailureCode.CHANGED) and strict.changed == []
    assert reading.read(ListedImage("b.jpg", etag="x")) == ImageFailure(FailureCode.NOT_FOUND)
    container.close()
