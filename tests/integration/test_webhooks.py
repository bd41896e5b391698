"""A webhook is told how a job ends, by real processes, and again when the teller was killed."""

import ipaddress
import threading

import msgspec
import pytest
import redis
from standardwebhooks import Webhook as Verifier

from core.config import Settings
from core.job_reader import PREFIX
from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.receiver import Reply, receiver

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(settings: Settings) -> Settings:
    here = (ipaddress.ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(settings, webhook_private_ranges=here)


def make_due(settings: Settings) -> None:
    """Let leases of deliveries run out now."""
    with redis.Redis.from_url(settings.redis_url) as client:
        for member in client.zrange(f"{PREFIX}deliveries", 0, -1):
            client.zadd(f"{PREFIX}deliveries", {member: 0}, xx=True)


def test_who_tells_is_killed_before_it_is_noted(
    system: System, settings: Settings, pictures: Pictures
) -> None:
    pictures.add(5)
    system.start_control()
    system.start_hash_worker("one")
    system.start_api()
    answer = threading.Event()
    with receiver(Reply(after=answer), Reply(200)) as server:
        body = {"url": server.url, "events": ["job.completed"]}
        job_id = system.submit(container_url=str(pictures.folder), webhook=body)
        server.wait_for(1, timeout=60)
        system.kill("control")
        answer.set()
        make_due(settings)
        system.start_control("control again")
        first, second = server.wait_for(2, timeout=30)
        path = f"/v1/jobs/{job_id}/webhooks"
        system.wait_until(
            lambda: system.call("GET", path)["data"][0]["state"] == "delivered", "it is noted"
        )
    assert first.id == second.id and first.payload == second.payload
    secret = system.call("GET", "/v1/webhook-secret")["secret"]
    told = Verifier(secret).verify(second.body, second.headers)
    assert told["data"]["id"] == job_id and told["data"]["images_done"] == 5
    (delivery,) = system.call("GET", path)["data"]
    assert [(one["number"], one["status"]) for one in delivery["attempts"]] == [(1, 200)]
    assert "CaNaRy" not in system.logs() and secret.removeprefix("whsec_") not in system.logs()
