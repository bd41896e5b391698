"""What is said of Redis, on real ones."""

import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import redis

from cli import redis_link
from cli.doctor import broker
from cli.doctor.case import Case
from cli.doctor.finding import Finding, Part, Verdict
from core.jobs import utc_now
from tests.fixtures.redis_server import RedisServer, free_port
from tests.unit.cli.doctor.conftest import by_what, changed, verdicts

WELL = {"fitness": "ok", "memory": "ok", "disk": "ok"}


@pytest.fixture
def spoilt(own_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_server.url) as client:
        yield client


@pytest.fixture
def own(case: Case, own_server: RedisServer) -> Case:
    return changed(case, redis_url=own_server.url)


def look(case: Case) -> dict[str, Finding]:
    """What is said of Redis; its clock is left to the tests of clocks."""
    return by_what(one for one in broker.examine(case) if one.part is Part.BROKER)


def refusal(case: Case) -> str:
    """The one fault of a Redis that cannot be asked."""
    [finding] = broker.examine(case)
    assert finding.verdict is Verdict.FAULT and finding.todo
    return f"{finding.seen}. {finding.todo}"


def test_a_redis_as_it_should_be(case: Case, own: Case, own_server: RedisServer) -> None:
    found = look(own)
    assert verdicts(found) == {"Redis": "ok", **WELL}
    assert found["Redis"].seen.startswith(f"127.0.0.1:{own_server.port}/0 answers in ")
    assert "without a limit" in found["memory"].seen


def test_a_redis_that_is_away(case: Case) -> None:
    away = changed(case, redis_url=f"redis://user:canary@127.0.0.1:{free_port()}/0")
    assert "Connection refused" in refusal(away)


def test_a_redis_that_is_silent_is_not_waited_for(
    case: Case, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "REDIS_SECONDS", 0.2)
    assert "silent for 0.2 s" in refusal(
        changed(case, redis_url=f"redis://127.0.0.1:{silent_port}")
    )


def test_a_host_that_has_no_address(case: Case) -> None:
    said = refusal(changed(case, redis_url="redis://nowhere.invalid:1/0"))
    assert "Redis does not answer (" in said and "RedisError" not in said


@pytest.mark.parametrize("given", [":canary@", "canary:canary@", ""])
def test_a_wrong_password_is_no_silence(
    own: Case, own_server: RedisServer, spoilt: redis.Redis, given: str
) -> None:
    spoilt.config_set("requirepass", "right")
    said = refusal(changed(own, redis_url=f"redis://{given}127.0.0.1:{own_server.port}/0"))
    assert "refuses the user or password" in said and "canary" not in said


@pytest.mark.parametrize(
    "url",
    [
        "redis://:canary/more@127.0.0.1:1/0",
        "redis://:canary#more@127.0.0.1:1/0",
        "redis://:can ary:1@[::1/0",
        "canary",
        "redis://127.0.0.1:canary/0",
    ],
)
def test_a_url_that_cannot_be_read_is_not_shown(case: Case, url: str) -> None:
    said = refusal(changed(case, redis_url=url))
    assert "REDIS_URL cannot be read" in said and "%2F" in said and "canary" not in said


def test_a_setting_that_redis_does_not_know(case: Case) -> None:
    said = refusal(changed(case, redis_url="redis://127.0.0.1:1/0?canary=canary"))
    assert "canary" not in said


def test_a_database_that_is_not_there(own: Case, own_server: RedisServer) -> None:
    said = refusal(changed(own, redis_url=f"redis://127.0.0.1:{own_server.port}/99"))
    assert "that REDIS_URL names it" in said


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://user:secret@host:1/2?password=secret", "host:1/2"),
        ("rediss://host", "host:6379"),
        ("redis://:12/secret@host:6379/0", ""),
        ("redis://user:12#secret@host:6379/0", ""),
        ("redis://user:12?secret@host:6379/0", ""),
        ("unix:///run/redis?password=secret", ""),
    ],
)
def test_an_address_holds_no_part_of_a_password(url: str, address: str) -> None:
    assert redis_link.address_of(url) == address


@pytest.mark.parametrize("command", ["ping", "time"])
def test_a_user_who_may_not_is_told_of(
    own: Case, own_server: RedisServer, spoilt: redis.Redis, command: str
) -> None:
    spoilt.acl_setuser(
        "doctor", enabled=True, passwords=["+canary"], keys=["*"], commands=["+@all", f"-{command}"]
    )
    less = changed(own, redis_url=f"redis://doctor:canary@127.0.0.1:{own_server.port}/0")
    found = list(broker.examine(less))
    faults = [one for one in found if one.verdict is Verdict.FAULT]
    assert faults and all("canary" not in f"{one.seen}{one.todo}" for one in found)
    assert any("does not allow" in one.seen for one in faults)


def test_a_redis_that_evicts(own: Case, spoilt: redis.Redis) -> None:
    spoilt.config_set("maxmemory-policy", "allkeys-lru")
    found = look(own)
    assert verdicts(found) == {"Redis": "ok", **WELL, "fitness": "fault"}
    assert "noeviction" in found["fitness"].todo


def test_a_redis_without_a_file(own: Case, spoilt: redis.Redis) -> None:
    spoilt.config_set("appendonly", "no")
    found = look(own)
    assert verdicts(found) == {"Redis": "ok", **WELL, "fitness": "warning"}
    assert found["fitness"].todo == "Set appendonly yes."


def test_a_redis_that_is_full(own: Case, spoilt: redis.Redis) -> None:
    spoilt.config_set("maxmemory", 1)
    found = look(own)
    assert verdicts(found) == {"Redis": "ok", **WELL, "memory": "fault"}
    assert "is full" in found["memory"].seen and "maxmemory" in found["memory"].todo


@pytest.mark.parametrize(("share", "verdict"), [(0.95, "warning"), (0.5, "ok")])
def test_a_redis_that_fills(own: Case, spoilt: redis.Redis, share: float, verdict: str) -> None:
    # Made by the server itself: a value that is sent also stands in the connection's buffer.
    spoilt.setrange("much", 50_000_000, "x")
    spoilt.config_set("maxmemory", int(spoilt.info("memory")["used_memory"] / share))
    found = look(own)
    assert verdicts(found) == {"Redis": "ok", **WELL, "memory": verdict}
    assert " MB used" in found["memory"].seen


def test_a_replica_takes_nothing(own: Case, spoilt: redis.Redis) -> None:
    spoilt.replicaof("127.0.0.1", free_port())
    found = look(own)
    assert found["memory"].verdict is Verdict.FAULT and "replica" in found["memory"].seen


def test_a_disk_that_could_not_be_written(
    own: Case, own_server: RedisServer, spoilt: redis.Redis
) -> None:
    shutil.rmtree(own_server.folder)
    spoilt.bgsave()
    while spoilt.info("persistence")["rdb_last_bgsave_status"] == "ok":
        time.sleep(0.02)
    found = look(own)
    assert verdicts(found) == {"Redis": "ok", **WELL, "disk": "fault"}
    assert "rdb_last_bgsave_status" in found["disk"].seen


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (redis.BusyLoadingError("canary"), "loading its data"),
        (redis.ResponseError("canary"), "ResponseError"),
        (redis.TimeoutError("canary"), "TimeoutError"),
    ],
)
def test_no_text_of_an_error_is_told(error: redis.RedisError, word: str) -> None:
    said = str(redis_link._translated(error))
    assert word in said and "canary" not in said


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, "ok"), (-4, "ok"), (-30, "warning"), (30, "warning"), (90, "fault")],
)
def test_the_clock_of_redis(
    case: Case, monkeypatch: pytest.MonkeyPatch, seconds: int, verdict: str
) -> None:
    def shifted() -> datetime:
        return utc_now() + timedelta(seconds=seconds)

    monkeypatch.setattr(broker, "utc_now", shifted)
    [clock] = [one for one in broker.examine(case) if one.part is Part.CLOCK]
    assert (clock.what, clock.verdict) == ("Redis", verdict)
    if seconds == 30:
        assert clock.seen.startswith("is 30 s behind")


def test_a_service_that_does_not_run_is_no_fault(case: Case) -> None:
    [finding] = broker.examine(Case(settings=case.settings, no_redis="it does not run"))
    assert (finding.verdict, finding.seen) == (Verdict.WARNING, "it does not run")
