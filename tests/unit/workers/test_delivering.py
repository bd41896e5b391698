"""Deliveries to a real receiver, on a real Redis and a real storage."""

import ipaddress
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook as Verifier

from core.config import Settings
from core.containers.guard import Reach
from core.errors import Unavailable
from core.job_reader import PREFIX
from core.jobs import EVENTS, Event, JobStatus, Progress, Webhook, utc_now
from core.webhook_secrets import WebhookSecrets, open_webhook_secrets
from core.webhooks import GONE, MOST_TRIES, WAITS, Attempt, Delivery, webhook_guard
from tests.factories import accepted_job, final_record
from tests.receiver import Receiver, Reply, receiver
from tests.unit.workers.conftest import Bench, J
from workers.aggregator import settle
from workers.delivering import Deliverer, tell_of_end
from workers.restoring import restore_ended_jobs

HERE = (ipaddress.ip_network("127.0.0.0/8"),)
ENDED = Delivery(J, "job.completed")
KEY = f"{PREFIX}deliveries"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, webhook_private_ranges=HERE)


@pytest.fixture
def secrets(settings: Settings) -> WebhookSecrets:
    return open_webhook_secrets(settings)


@pytest.fixture
def deliverer(bench: Bench, settings: Settings, secrets: WebhookSecrets) -> Deliverer:
    return Deliverer(bench.context, secrets, webhook_guard(settings))


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def end_job(bench: Bench, url: str, *events: Event) -> None:
    """A job that has ended, and whose webhook is to be told of that."""
    job = accepted_job(J, webhook=Webhook(url, events or ("job.completed",)), name="north")
    bench.folder.accept(job)
    final = final_record(J, progress=Progress(images=9, images_done=9, images_failed=1))
    bench.folder.write_final(final)
    settle(bench.context, final)


def make_due(bench: Bench) -> None:
    """Every delivery that waits is due now."""
    for member in bench.store._redis.zrange(KEY, 0, -1):
        bench.store._redis.zadd(KEY, {member: 0})


def deliver(bench: Bench, deliverer: Deliverer) -> None:
    """Try the one delivery there is, whenever it is due."""
    make_due(bench)
    due = bench.store.claim_delivery()
    assert due
    deliverer.deliver(due.delivery)


def seconds_left(bench: Bench, delivery: Delivery = ENDED) -> float | None:
    (due,) = bench.store.when_due([delivery])
    return due and (due - utc_now()).total_seconds()


def attempts(bench: Bench) -> list[Attempt]:
    return sorted(bench.folder.webhooks.read(J).attempts, key=lambda attempt: attempt.number)


# A delivery.


def test_an_end_is_told_signed_and_logged(
    bench: Bench, deliverer: Deliverer, server: Receiver, secrets: WebhookSecrets
) -> None:
    end_job(bench, server.url)
    deliver(bench, deliverer)
    (received,) = server.received
    assert received.path == "/hook?token=CaNaRy"
    secret = secrets.newest("local").secret
    told = Verifier(secret).verify(received.body, received.headers)
    assert told["type"] == "job.completed"
    assert {key: told["data"][key] for key in ("id", "name", "status", "images_failed")} == {
        **{"id": J, "name": "north"},
        **{"status": "completed", "images_failed": 1},
    }
    assert msgspec.convert(told["timestamp"], type(utc_now())) == (
        bench.folder.read_final(J).finished_at
    )
    (attempt,) = attempts(bench)
    assert (attempt.id, attempt.status, attempt.error) == (received.id, 204, None)
    assert seconds_left(bench) is None and bench.store.claim_delivery() is None


def test_start_and_pause_are_told_with_what_redis_knows(
    bench: Bench, deliverer: Deliverer, server: Receiver
) -> None:
    bench.accept(webhook=Webhook(server.url))
    bench.store.planned(J, 0, 10)
    bench.store.pause(J, "sas_expired: give a fresh one")
    make_due(bench)
    while due := bench.store.claim_delivery():
        deliverer.deliver(due.delivery)
    told = {received.payload["type"]: received.payload for received in server.received}
    assert told["job.started"]["data"]["status"] == "running"
    assert told["job.paused"]["data"]["status"] == "paused"
    assert told["job.paused"]["data"]["reason"] == "sas_expired: give a fresh one"
    job = bench.store.get(J)
    assert job and told["job.started"]["data"]["images"] == 10
    assert msgspec.convert(told["job.started"]["timestamp"], type(utc_now())) == job.started_at


def test_both_secrets_sign_for_a_day_after_a_change(
    bench: Bench, deliverer: Deliverer, server: Receiver, secrets: WebhookSecrets
) -> None:
    old = secrets.newest("local").secret
    new = secrets.renew("local").secret
    end_job(bench, server.url)
    deliver(bench, deliverer)
    (received,) = server.received
    for secret in (old, new):
        assert Verifier(secret).verify(received.body, received.headers)


# Tries.


def test_ten_tries_with_growing_waits_and_one_id(
    bench: Bench, deliverer: Deliverer, settings: Settings
) -> None:
    with receiver(Reply(500)) as server:
        end_job(bench, server.url)
        for number in range(1, MOST_TRIES + 1):
            deliver(bench, deliverer)
            left = seconds_left(bench)
            if number < MOST_TRIES:
                wait = WAITS[number - 1]
                assert left is not None and 0.9 * wait - 5 < left < 1.1 * wait + 1
        assert left is None
    assert len({received.id for received in server.received}) == 1
    assert len({received.payload["timestamp"] for received in server.received}) == 1
    assert [attempt.number for attempt in attempts(bench)] == list(range(1, 11))
    assert {attempt.status for attempt in attempts(bench)} == {500}
    # Given up is given up, also where Redis forgets.
    tell_of_end(bench.context, bench.folder.read_shown(J), bench.folder.read_final(J))
    assert seconds_left(bench) is None


@pytest.mark.parametrize(
    ("reply", "longest"),
    [
        (Reply(302, {"Location": "http://127.0.0.1:1/"}), 6),
        (Reply(404), 6),
        (Reply(500, {"Retry-After": "900"}), 6),
        (Reply(503, {"Retry-After": "900"}), 901),
        (Reply(429, {"Retry-After": "999999999"}), 86_401),
    ],
)
def test_what_counts_as_failed_is_tried_again(
    bench: Bench, deliverer: Deliverer, reply: Reply, longest: float
) -> None:
    with receiver(reply, Reply(200)) as server:
        end_job(bench, server.url)
        deliver(bench, deliverer)
        left = seconds_left(bench)
        assert left is not None and longest - 7 <= left <= longest
        deliver(bench, deliverer)
    assert [attempt.status for attempt in attempts(bench)] == [reply.status, 200]
    assert seconds_left(bench) is None


def test_410_ends_it_for_the_whole_job(bench: Bench, deliverer: Deliverer) -> None:
    with receiver(Reply(410), Reply(200)) as server:
        end_job(bench, server.url, "job.completed", "job.expiring")
        deliver(bench, deliverer)
        bench.store.emit(J, "job.expiring")
        deliver(bench, deliverer)
        assert len(server.received) == 1
    assert bench.folder.webhooks.read(J).disabled
    assert bench.store._redis.zcard(KEY) == 0
    tell_of_end(bench.context, bench.folder.read_shown(J), bench.folder.read_final(J))
    assert bench.store._redis.zcard(KEY) == 0


def test_nobody_there_is_a_failed_try(bench: Bench, deliverer: Deliverer) -> None:
    with receiver() as server:
        url = server.url
    end_job(bench, url)
    deliver(bench, deliverer)
    (attempt,) = attempts(bench)
    assert (attempt.status, attempt.error) == (None, "connection")
    assert seconds_left(bench) is not None


def test_an_address_that_is_no_longer_allowed_is_not_reached(
    bench: Bench, secrets: WebhookSecrets, server: Receiver
) -> None:
    end_job(bench, server.url)
    deliver(bench, Deliverer(bench.context, secrets, webhook_guard(Settings())))
    assert server.received == []
    assert [attempt.error for attempt in attempts(bench)] == ["not_allowed"]


# What dies.


def test_whoever_dies_between_try_and_log_has_it_told_again_with_the_same_id(
    bench: Bench, deliverer: Deliverer, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    end_job(bench, server.url)
    with monkeypatch.context() as patched:
        patched.setattr(bench.folder.webhooks, "write", die)
        with pytest.raises(Killed):
            deliver(bench, deliverer)
    assert bench.store.claim_delivery() is None  # its lease holds
    deliver(bench, deliverer)
    first, second = server.received
    assert first.id == second.id and first.payload == second.payload
    assert len(attempts(bench)) == 1


def test_whoever_dies_between_log_and_redis_has_it_told_once(
    bench: Bench, deliverer: Deliverer, server: Receiver
) -> None:
    end_job(bench, server.url)
    deliver(bench, deliverer)
    bench.store.emit(J, "job.completed")
    deliver(bench, deliverer)
    assert len(server.received) == 1 and seconds_left(bench) is None


def test_whoever_dies_after_a_410_leaves_it_disabled(
    bench: Bench, deliverer: Deliverer, server: Receiver
) -> None:
    end_job(bench, server.url, "job.completed", "job.expiring")
    moment = utc_now()
    gone = Attempt(
        **{"id": ENDED.id, "event": ENDED.event, "number": 1, "happened_at": moment},
        **{"tried_at": moment, "status": GONE, "error": None, "ms": 1},
    )
    bench.folder.webhooks.write(J, gone)
    deliver(bench, deliverer)
    assert bench.folder.webhooks.is_disabled(J) and server.received == []


def test_tries_are_counted_where_redis_has_lost_all(bench: Bench, deliverer: Deliverer) -> None:
    with receiver(Reply(500), Reply(500), Reply(200)) as server:
        end_job(bench, server.url)
        deliver(bench, deliverer)
        bench.store._redis.flushall()
        restore_ended_jobs(bench.context, lambda: None)
        deliver(bench, deliverer)
        left = seconds_left(bench)
        assert left is not None and left > 200  # it was the second
        deliver(bench, deliverer)
    assert [attempt.number for attempt in attempts(bench)] == [1, 2, 3]
    assert len({received.id for received in server.received}) == 1


def test_an_end_is_told_though_redis_lost_it_before(
    bench: Bench, deliverer: Deliverer, server: Receiver
) -> None:
    end_job(bench, server.url)
    bench.store._redis.flushall()
    restore_ended_jobs(bench.context, lambda: None)
    deliver(bench, deliverer)
    assert len(server.received) == 1
    # Told is told.
    bench.store._redis.flushall()
    restore_ended_jobs(bench.context, lambda: None)
    assert seconds_left(bench) is None


def test_an_end_is_told_though_redis_lost_it_before_it_was_settled(
    bench: Bench, deliverer: Deliverer, server: Receiver
) -> None:
    job = accepted_job(J, webhook=Webhook(server.url))
    bench.folder.accept(job)
    final = final_record(J, status=JobStatus.FAILED)
    bench.folder.write_final(final)
    settle(bench.context, final)
    assert seconds_left(bench, Delivery(J, "job.failed")) is not None


@pytest.mark.parametrize("webhook", [None, Webhook("https://x.example.org/", ("job.paused",))])
def test_an_end_that_nobody_wants_to_know_is_not_told(
    bench: Bench, webhook: Webhook | None
) -> None:
    job = accepted_job(J, webhook=webhook)
    tell_of_end(bench.context, job, final_record(J))
    assert bench.store._redis.zcard(KEY) == 0


# Jobs that are not as they should be.


def test_a_job_that_was_deleted_tells_nothing(
    bench: Bench, deliverer: Deliverer, server: Receiver
) -> None:
    bench.store.emit(J, "job.completed")
    deliver(bench, deliverer)
    assert seconds_left(bench) is None and server.received == []


@pytest.mark.parametrize(("record", "told"), [("job.json", 0), ("final.json", 1)])
def test_a_job_with_a_damaged_record_is_told_while_that_can_be(
    bench: Bench, deliverer: Deliverer, server: Receiver, record: str, told: int
) -> None:
    end_job(bench, server.url)
    (bench.pictures.parent / f"storage/jobs/{J}/{record}").write_bytes(b"")
    bench.store.create(accepted_job(J))
    deliver(bench, deliverer)
    assert len(server.received) == told and seconds_left(bench) is None


def test_a_job_that_is_deleted_meanwhile_keeps_no_log(
    bench: Bench, settings: Settings, secrets: WebhookSecrets, server: Receiver
) -> None:
    end_job(bench, server.url)
    final = bench.folder.read_final(J)
    retention = bench.folder.retention

    class Deleting(type(webhook_guard(settings))):  # type: ignore[misc]
        def check(self, url: str) -> object:
            sweep = retention.begin_sweep(bench.folder.read_shown(J), final, utc_now())
            retention.bury(sweep)
            return super().check(url)

    guard = Deleting(settings, reach=Reach(("*",), HERE))
    deliver(bench, Deliverer(bench.context, secrets, guard))
    assert len(server.received) == 1
    assert attempts(bench) == [] and seconds_left(bench) is None


def test_what_the_webhook_does_not_want_is_dropped(
    bench: Bench, deliverer: Deliverer, server: Receiver
) -> None:
    end_job(bench, server.url, "job.failed")
    bench.store._redis.flushall()
    bench.store.emit(J, "job.completed")
    deliver(bench, deliverer)
    assert seconds_left(bench) is None and server.received == []


def test_a_job_of_which_redis_knows_nothing_yet_waits(
    bench: Bench, deliverer: Deliverer, server: Receiver
) -> None:
    bench.folder.accept(accepted_job(J, webhook=Webhook(server.url)))
    bench.store.emit(J, "job.started")
    with pytest.raises(Unavailable):
        deliver(bench, deliverer)
    left = seconds_left(bench, Delivery(J, "job.started"))
    assert left is not None and 30 < left < 61


# Secrets.


def test_neither_url_nor_secret_is_kept_or_logged(
    bench: Bench,
    deliverer: Deliverer,
    secrets: WebhookSecrets,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver(Reply(500, body=b"CaNaRy of the answer")) as server:
        end_job(bench, server.url, *EVENTS)
        deliver(bench, deliverer)
    deliver(bench, deliverer)
    storage = settings.storage_url.removeprefix("file://")
    secret = secrets.newest("local").secret.removeprefix("whsec_")
    files = [path for path in Path(storage).rglob("*") if path.is_file()]
    texts = [path.read_bytes().decode() for path in files]
    keys = list(bench.store._redis.scan_iter("*job:*"))
    dump = repr([bench.store._redis.hgetall(key) for key in keys])
    for text in (*texts, dump, caplog.text):
        assert "CaNaRy" not in text and secret not in text
    assert len(files) >= 5 and keys
