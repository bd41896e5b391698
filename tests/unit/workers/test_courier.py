"""The courier with its threads, on a real Redis, a real storage and real receivers."""

import ipaddress
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from core.config import Settings
from core.jobs import Webhook
from tests.factories import accepted_job, final_record
from tests.receiver import Reply, receiver
from tests.unit.workers.conftest import Bench
from workers import courier
from workers.aggregator import settle
from workers.courier import Courier, open_courier
from workers.delivering import Deliverer


@pytest.fixture
def settings(settings: Settings) -> Settings:
    here = (ipaddress.ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(settings, webhook_private_ranges=here)


def end_job(bench: Bench, number: int, url: str, caller: str = "alice") -> str:
    job = accepted_job(f"{number:032x}", webhook=Webhook(url, ("job.completed",)))
    job = msgspec.structs.replace(job, caller=caller)
    bench.folder.accept(job)
    final = final_record(job.id)
    bench.folder.write_final(final)
    settle(bench.context, final)
    return job.id


@contextmanager
def running(*couriers: Courier) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in couriers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_what_is_due_is_told_by_one_of_two_couriers(
    bench: Bench, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "LOOK_EVERY", 0.02)
    other = open_courier(bench.another_worker("other", settings))
    with receiver() as server, running(open_courier(bench.context), other):
        ids = {end_job(bench, number, server.url) for number in range(30)}
        told = [received.payload["data"]["id"] for received in server.wait_for(30)]
    assert set(told) == ids and len(told) == 30


def test_a_receiver_that_hangs_holds_up_no_other_caller(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "LOOK_EVERY", 0.02)
    go_on = threading.Event()
    with receiver(Reply(after=go_on)) as hanging, receiver() as server:
        for number in range(20):
            end_job(bench, number, hanging.url, "mallory")
        with running(open_courier(bench.context)):
            hanging.wait_for(4)
            wanted = end_job(bench, 99, server.url, "alice")
            (received,) = server.wait_for(1, timeout=3)
            assert received.payload["data"]["id"] == wanted
            assert len(hanging.received) == 4
            go_on.set()
            hanging.wait_for(20)


def test_a_job_that_cannot_be_told_of_keeps_no_other_from_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(courier, "LOOK_EVERY", 0.02)
    deliver = Deliverer.deliver

    def failing(self: Deliverer, delivery: object) -> None:
        if "0" * 32 in str(delivery):
            raise ValueError("a damaged file")
        deliver(self, delivery)  # type: ignore[arg-type]

    monkeypatch.setattr(Deliverer, "deliver", failing)
    with receiver() as server, caplog.at_level(logging.ERROR):
        end_job(bench, 0, server.url)
        end_job(bench, 1, server.url)
        with running(open_courier(bench.context)):
            server.wait_for(1)
    assert "cannot be delivered" in caplog.text


def test_the_courier_outlives_an_outage_of_redis(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(courier, "LOOK_EVERY", 0.02)
    claim, failures = bench.store.claim_delivery, []

    def failing(sated: list[str]) -> object:
        if len(failures) < 20:  # more often than there are threads
            failures.append(1)
            raise (courier.Unavailable() if len(failures) % 2 else ValueError())
        return claim(sated)

    monkeypatch.setattr(bench.store, "claim_delivery", failing)
    with receiver() as server, running(open_courier(bench.context)):
        end_job(bench, 1, server.url)
        server.wait_for(1)
