"""Messages of webhooks: what they say, how they are signed, when they are tried again."""

import ipaddress
import socket
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from core.config import Settings
from core.containers.guard import Guard
from core.errors import ContainerError, StorageTrouble, UrlNotAllowed
from core.jobs import EVENTS, Job, JobStatus, Progress, Webhook
from core.webhooks import (
    EVENT_OF,
    MOST_TRIES,
    WAITS,
    Attempt,
    Delivery,
    check_webhook,
    delivery_of,
    happened_at,
    payload,
    signed_headers,
    wait_after,
    webhook_guard,
)
from tests.factories import accepted_job, final_record, job_request
from tests.unit.core.containers.test_guard import HOSTILE

J = "a" * 32
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "A" * 43 + "="


def attempt(number: int = 1, status: int | None = 500) -> Attempt:
    return Attempt(
        id="x",
        event="job.completed",
        number=number,
        happened_at=NOW,
        tried_at=NOW,
        status=status,
        error=None,
        ms=5,
    )


# Deliveries.


@pytest.mark.parametrize("event", EVENTS)
def test_an_id_tells_deliveries_apart_and_has_no_full_stop(event: str) -> None:
    delivery = delivery_of(f"{J} {event} 3")
    assert delivery.member == f"{J} {event} 3"
    assert delivery.id == f"msg_{J}_{event.partition('.')[2]}_3"
    assert "." not in delivery.id


def test_every_end_and_a_pause_have_an_event() -> None:
    assert {status for status in JobStatus if status in EVENT_OF} == {
        JobStatus.PAUSED,
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.CANCELLED,
    }


# Payloads.


def test_a_payload_is_thin_and_says_what_happened() -> None:
    job = accepted_job(J, name="north", metadata={"site": "4"}, container_url="https://x/c?sig=S")
    final = final_record(
        J,
        status=JobStatus.FAILED,
        reason="listing_failed: look at the container",
        progress=Progress(images=10, images_done=9, images_failed=2),
        finished_at=NOW,
    )
    body = msgspec.json.decode(payload("job.failed", NOW, job, final))
    assert body["type"] == "job.failed" and body["timestamp"] == "2026-05-01T12:00:00Z"
    data = body["data"]
    assert (data["id"], data["name"], data["status"]) == (J, "north", "failed")
    assert (data["images"], data["images_done"], data["images_failed"]) == (10, 9, 2)
    assert data["reason"] == "listing_failed: look at the container"
    assert data["metadata"] == {"site": "4"} and data["finished_at"] == "2026-05-01T12:00:00Z"
    assert "sig=" not in str(body)


def test_a_late_message_says_what_happened_then() -> None:
    body = payload("job.started", NOW, accepted_job(J), final_record(J))
    assert msgspec.json.decode(body)["data"]["status"] == "running"


def test_expiring_comes_with_the_status_that_the_job_has() -> None:
    final = final_record(J, status=JobStatus.CANCELLED)
    body = payload("job.expiring", NOW, accepted_job(J), final)
    assert msgspec.json.decode(body)["data"]["status"] == "cancelled"


@pytest.mark.parametrize("letter", ["x", "\u20ac", "\x01"])
def test_a_payload_stays_below_20_kb(letter: str) -> None:
    metadata = {f"{number:02d}" + letter * 62: letter * 512 for number in range(16)}
    job = accepted_job(J, name="n" * 92, metadata=metadata)
    final = final_record(J, reason=letter * 5000)
    body = payload("job.completed", NOW, job, final)
    assert len(body) < 20_000
    assert ("metadata" in msgspec.json.decode(body)["data"]) is (letter == "x")


def test_the_moment_of_an_event() -> None:
    final = final_record(J, started_at=NOW, finished_at=NOW + timedelta(hours=1))
    later = NOW + timedelta(hours=9)
    assert happened_at("job.started", final, later) == NOW
    assert happened_at("job.completed", final, later) == NOW + timedelta(hours=1)
    assert happened_at("job.expiring", final, later) == later
    paused = Job(id=J, status=JobStatus.PAUSED, model="demo", created_at=NOW, expires_at=later)
    assert happened_at("job.paused", paused, later) == later


# Signatures.


def test_signatures_are_those_of_the_convention() -> None:
    body = b'{"test": 2432232314}'
    timestamp = int(datetime.now(UTC).timestamp())
    headers = signed_headers([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp, body)
    assert Verifier(SECRET).verify(body, headers) == {"test": 2432232314}
    others = signed_headers([OTHER], "msg_other", timestamp + 1, body)
    for name in headers:
        with pytest.raises(WebhookVerificationError):
            Verifier(SECRET).verify(body, {**headers, name: others[name]})


def test_the_signature_of_the_example_of_the_convention() -> None:
    # Source: the convention's own libraries, test "sign function works".
    headers = signed_headers(
        [SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_change_either_secret_verifies() -> None:
    timestamp = int(datetime.now(UTC).timestamp())
    headers = signed_headers([OTHER, SECRET], "msg_1", timestamp, b"{}")
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (OTHER, SECRET):
        assert Verifier(secret).verify(b"{}", headers) == {}


# Waits.


def test_waits_grow_to_a_day_and_ten_tries_are_made() -> None:
    assert MOST_TRIES == 10
    assert [wait / 60 for wait in WAITS] == [
        *(5 / 60, 5, 30, 2 * 60, 5 * 60),
        *(10 * 60, 14 * 60, 20 * 60, 24 * 60),
    ]
    for number, wait in enumerate(WAITS, start=1):
        drawn = {wait_after(attempt(number), None) for _ in range(50)}
        assert len(drawn) > 1 and all(0.9 * wait <= one <= 1.1 * wait for one in drawn)


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_ask_for_more_time_within_a_day(status: int) -> None:
    assert wait_after(attempt(status=status), 3600) == 3600
    assert wait_after(attempt(status=status), 10**9) == 24 * 3600
    assert wait_after(attempt(2, status), 1) >= 270


def test_others_may_not() -> None:
    assert wait_after(attempt(status=500), 3600) < 6


@pytest.mark.parametrize(
    ("status", "number", "over"),
    [
        *((200, 1, True), (299, 1, True), (301, 1, False), (410, 1, True), (None, 1, False)),
        *((500, 9, False), (500, 10, True), (199, 1, False), (429, 3, False)),
    ],
)
def test_what_ends_a_delivery(status: int | None, number: int, over: bool) -> None:
    assert attempt(number, status).over is over


# Which webhooks may be reached.


def resolving(*addresses: str, **fields: object) -> Guard:
    return webhook_guard(Settings(**fields), lambda host, port: addresses)  # type: ignore[arg-type]


# Hosts that a service may not read from, and a webhook may be on.
OTHERS = {url for url in HOSTILE if url.startswith("https://") and "evil" in url} & {
    "https://evil.com/c",
    "https://evil.com/?acct.blob.core.windows.net",
    "https://evil.com#acct.blob.core.windows.net",
    "https://acct.blob.core.windows.net.evil.com/c",
    "https://acctblob.core.windows.net.evil.com/c",
    "https://evilblob.core.windows.net/c",
}
# Refused for what they resolve to, which the tests below look at.
BY_ADDRESS = {
    "https://localhost/c",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://blob.core.windows.net/c",
    "https://\u0430cct.blob.core.wind\u043ews.net/c",
}


@pytest.mark.parametrize("url", sorted(set(HOSTILE) - OTHERS - BY_ADDRESS))
def test_hostile_urls_are_refused(url: str) -> None:
    with pytest.raises(UrlNotAllowed):
        resolving("20.60.1.2").check(url)


@pytest.mark.parametrize("url", sorted(OTHERS))
def test_any_public_host_may_be_told(url: str) -> None:
    assert resolving("20.60.1.2").check(url)[1] == "20.60.1.2"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
        *("169.254.169.254", "168.63.129.16", "::1", "::ffff:127.0.0.1", "fd00::1", "fe80::1"),
        *("fd00:ec2::254", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "255.255.255.255"),
    ],
)
@pytest.mark.parametrize("host", ["hooks.example.org", "localhost", "metadata.google.internal"])
def test_names_of_addresses_that_are_not_public_are_refused(host: str, address: str) -> None:
    for addresses in ((address,), ("20.60.1.2", address)):
        with pytest.raises(UrlNotAllowed):
            resolving(*addresses).check(f"https://{host}/x")


def test_hosts_can_be_narrowed_and_private_ranges_opened() -> None:
    narrow = resolving("20.60.1.2", webhook_hosts=("*.example.org",))
    assert narrow.check("https://hooks.example.org/x")
    with pytest.raises(UrlNotAllowed, match="MEGABATCH_WEBHOOK_HOSTS"):
        narrow.check("https://hooks.example.com/x")
    here = (ipaddress.ip_network("127.0.0.0/8"),)
    assert resolving(webhook_private_ranges=here).check("http://127.0.0.1:8000/x")
    with pytest.raises(UrlNotAllowed):
        resolving("169.254.169.254", webhook_private_ranges=here).check("https://x.org/x")


def test_what_may_be_read_may_not_be_told() -> None:
    here = (ipaddress.ip_network("127.0.0.0/8"),)
    with pytest.raises(UrlNotAllowed, match="MEGABATCH_WEBHOOK_PRIVATE_RANGES"):
        resolving(allowed_private_ranges=here).check("http://127.0.0.1:8000/x")


def test_hosts_of_containers_are_not_those_of_webhooks() -> None:
    settings = Settings(webhook_hosts=("hooks.example.org",))
    with pytest.raises(UrlNotAllowed):
        Guard(settings, lambda host, port: ["20.60.1.2"]).check("https://hooks.example.org/x")


def test_a_request_is_checked_and_the_field_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_webhook(job_request(), Settings())
    with pytest.raises(UrlNotAllowed) as caught:
        check_webhook(job_request(webhook=Webhook("https://127.0.0.1/CaNaRy")), Settings())
    assert caught.value.pointer == "/webhook/url" and "CaNaRy" not in caught.value.message

    def failing(number: int) -> None:
        def resolve(*_: object, **__: object) -> None:
            raise socket.gaierror(number, "no")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    failing(socket.EAI_NONAME)
    with pytest.raises(ContainerError) as none:
        check_webhook(job_request(webhook=Webhook("https://no.example/")), Settings())
    assert none.value.pointer == "/webhook/url" and none.value.code == "host_not_found"
    failing(socket.EAI_AGAIN)
    with pytest.raises(StorageTrouble):
        check_webhook(job_request(webhook=Webhook("https://no.example/")), Settings())


def test_a_delivery_is_one_of_a_job() -> None:
    assert Delivery(J, "job.paused", 2) == delivery_of(f"{J} job.paused 2")
