"""Taking over from a job on a real Azurite, whose ETags decide."""

from ipaddress import ip_network
from uuid import uuid4

import msgspec
import pytest

from core.config import Settings
from core.messages import Message
from tests.azurite_server import Azurite
from tests.pictures import jpeg
from tests.unit.workers.conftest import Bench
from tests.unit.workers.test_taking_over import CHILD, PARENT, THIRD, results, retry, run
from workers.planner import plan_job


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, allowed_private_ranges=(ip_network("127.0.0.0/8"),))


def test_retry_of_an_untouched_container_leaves_nothing_to_be_done_again(
    bench: Bench, azurite: Azurite
) -> None:
    name = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(name, {f"{n}.jpg": jpeg(n) for n in range(5)})
    url = azurite.container_url(name)
    bench.accept(PARENT, container_url=url)
    plan_job(bench.context, PARENT)
    bench.store.cancel(PARENT)
    bench.outbox[:] = [Message("merge_job", PARENT)]
    run(bench, PARENT)
    retry(bench, container_url=url)
    assert run(bench, CHILD).progress.images_kept == 0
    azurite.upload(name, {"1.jpg": jpeg(1)})
    bench.accept(THIRD, container_url=url, previous_job=CHILD)
    assert run(bench, THIRD).progress.images_kept == 4
    assert results(bench, THIRD) == results(bench, CHILD)


def test_etags_of_azure_decide_what_is_taken_over(bench: Bench, azurite: Azurite) -> None:
    name = f"pictures-{uuid4().hex[:8]}"
    blobs = {f"{n}.jpg": jpeg(n) for n in range(5)} | {"5.jpg": b"no picture"}
    azurite.create_container(name, blobs)
    url = azurite.container_url(name)
    bench.accept(PARENT, container_url=url)
    run(bench, PARENT)

    azurite.upload(name, {"1.jpg": jpeg(11), "5.jpg": jpeg(15)})
    fresh = azurite.container_url(name)
    bench.accept(CHILD, container_url=fresh, previous_job=PARENT)
    assert run(bench, CHILD).progress.images_kept == 4
    # The retry keeps what succeeded, whatever became of it since, and reads what is there now.
    retry(bench, THIRD, container_url=fresh)
    assert run(bench, THIRD).progress.images_kept == 5
    before, now, again = (results(bench, job_id) for job_id in (PARENT, CHILD, THIRD))
    assert now[1] != before[1] == again[1] and now[5] == again[5] != before[5]
    assert now[0] == before[0] and "failure" not in now[5]
