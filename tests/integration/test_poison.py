"""Images that kill whoever works on them, each in its own way: each costs itself, and no other."""

from collections.abc import Sequence

import pytest

from core.failures import FailureCode, ImageFailure
from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.integration.oracle import expected_images
from tests.poison_decoding import DECODING, DETECTING, poison

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

POISON_WORKER = (
    *("celery", "--quiet", "-A", "tests.poison_worker", "worker"),
    *("--queues=detect.demo", "--concurrency=1"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)
#: Seconds without progress after which a worker gives itself up.
STALL_AFTER = "6"


def wait_for_results(system: System, pictures: Pictures) -> None:
    """Run a job on two workers, and compare its results with what the pictures say."""
    system.environment["MEGABATCH_STALL_AFTER"] = STALL_AFTER
    system.start_control()
    system.start("one", *POISON_WORKER)
    system.start("two", *POISON_WORKER)
    system.start_api()
    job_id = system.submit(container_url=str(pictures.folder))
    job = system.wait(job_id, timeout=280)
    poisoned = [name for name in pictures.content if "poison" in name]
    assert job["status"] == "completed"
    assert job["progress"]["failures"] == {"worker_crashed": len(poisoned)}
    assert system.results(job_id)["images"] == expected(pictures, poisoned)


def expected(pictures: Pictures, poisoned: Sequence[str]) -> list[dict[str, object]]:
    entries = expected_images(pictures.content)
    failure = str(ImageFailure(FailureCode.WORKER_CRASHED))
    return [
        {"file": one["file"], "failure": failure, "detections": None}
        if one["file"] in poisoned
        else one
        for one in entries
    ]


@pytest.mark.parametrize("widths", [DECODING, DETECTING], ids=["decoding", "detecting"])
def test_each_costs_itself(system: System, pictures: Pictures, widths: dict[int, str]) -> None:
    pictures.add(60)
    pictures.write(
        {f"north/{10 * n:05d}-poison.jpg": poison(width) for n, width in enumerate(widths, 1)}
    )
    wait_for_results(system, pictures)


def test_many_in_one_shard(system: System, pictures: Pictures) -> None:
    pictures.add(8)
    pictures.write({f"north/{n:05d}-poison.jpg": poison(104) for n in range(2, 5)})
    wait_for_results(system, pictures)
