"""`megabatch keys` on a real storage, and the key that commands send."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import exit_codes
from cli.client import Client
from cli.data_folder import DataFolder
from cli.keys import advice
from cli.main import run
from core.config import Settings
from core.errors import ConfigError, LimitReached, MegaBatchError
from core.key_ring import KeyRing, open_key_ring
from core.keys import Caller, Scope, is_key, new_key
from tests.unit.cli.service import JOB, Service

Command = Callable[..., int]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("MEGABATCH_STORAGE_URL", "MEGABATCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def data(place: Path) -> Path:
    return DataFolder(place / "data").path


@pytest.fixture
def ring(data: Path) -> KeyRing:
    return open_key_ring(Settings(storage_url=(data / "storage").as_uri()))


def create(capsys: Capture, *words: str) -> str:
    """A new key as it stands on standard output."""
    assert run(["keys", "create", *words]) == exit_codes.DONE
    told = capsys.readouterr()
    assert told.err.strip() and "mgb_" not in told.err
    return told.out


def test_a_key_is_printed_alone_and_once(data: Path, ring: KeyRing, capsys: Capture) -> None:
    text = create(capsys, "--caller", "north", "--data", str(data))
    assert text.endswith("\n") and is_key(text[:-1])
    key = ring.find(text[:-1])
    assert key and key.belongs_to() == Caller("north", frozenset({Scope.SUBMIT, Scope.READ}))
    assert run(["keys", "list", "--data", str(data)]) == exit_codes.DONE
    told = capsys.readouterr()
    assert key.id in told.out and "north" in told.out and "submit, read" in told.out
    assert text[:-1] not in told.out + told.err


def test_scopes_are_those_that_were_named(data: Path, ring: KeyRing, capsys: Capture) -> None:
    words = ("--caller", "boss", "--scope", "admin", "--scope", "read", "--data", str(data))
    key = ring.find(create(capsys, *words).strip())
    assert key and key.scopes == (Scope.ADMIN, Scope.READ)


def test_keys_are_made_before_the_first_serve(place: Path, capsys: Capture) -> None:
    text = create(capsys, "--caller", "north", "--data", "new")
    storage = DataFolder(place / "new").storage.as_uri()
    assert open_key_ring(Settings(storage_url=storage)).find(text.strip())


def test_the_data_folder_here_is_taken_where_nothing_is_named(place: Path, capsys: Capture) -> None:
    folder = DataFolder(place / "megabatch-data")
    text = create(capsys, "--caller", "north")
    assert open_key_ring(Settings(storage_url=folder.storage.as_uri())).find(text.strip())


def test_the_storage_of_the_environment_comes_first(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    DataFolder(place / "megabatch-data")
    url = (place / "elsewhere").as_uri()
    monkeypatch.setenv("MEGABATCH_STORAGE_URL", url)
    text = create(capsys, "--caller", "north")
    assert open_key_ring(Settings(storage_url=url)).find(text.strip())
    assert run(["keys", "list", "--data", "megabatch-data"]) == exit_codes.USAGE
    assert "MEGABATCH_STORAGE_URL names the storage" in capsys.readouterr().err


def test_no_storage_is_guessed(place: Path, capsys: Capture) -> None:
    assert run(["keys", "list"]) == exit_codes.USAGE
    assert "--data" in capsys.readouterr().err
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--caller", "a", "--legacy-caller", "b"),
        ("--legacy-caller", "b", "--scope", "read"),
        ("--caller", "a", "--scope", "write"),
        ("--caller", "no such name"),
        ("--caller", ""),
        ("--legacy-caller", "../x"),
    ],
)
def test_what_cannot_be_made_is_not(
    data: Path, ring: KeyRing, capsys: Capture, words: tuple[str, ...]
) -> None:
    assert run(["keys", "create", *words, "--data", str(data)]) == exit_codes.USAGE
    assert capsys.readouterr().out == ""
    assert ring.is_empty() and ring.legacy_callers() == []


def test_a_key_is_revoked_by_its_id(data: Path, ring: KeyRing, capsys: Capture) -> None:
    kept, gone = (create(capsys, "--caller", "north", "--data", str(data)) for _ in range(2))
    key = ring.find(gone.strip())
    assert key
    assert run(["keys", "revoke", key.id, "--data", str(data)]) == exit_codes.DONE
    said = capsys.readouterr().err
    assert f"Revoked {key.id} of north" in said and "last" not in said
    assert ring.find(gone.strip()) is None and ring.find(kept.strip())
    assert run(["keys", "revoke", key.id, "--data", str(data)]) == exit_codes.USAGE
    assert "No key has an id" in capsys.readouterr().err
    [left] = ring.keys()
    assert run(["keys", "revoke", left.id, "--data", str(data)]) == exit_codes.DONE
    assert "That was the last one" in capsys.readouterr().err


def test_callers_of_2019_are_allowed_by_name(data: Path, ring: KeyRing, capsys: Capture) -> None:
    assert create(capsys, "--legacy-caller", "south", "--data", str(data)) == ""
    assert ring.legacy_callers() == ["south"] and ring.is_empty()
    assert run(["keys", "list", "--json", "--data", str(data)]) == exit_codes.DONE
    assert json.loads(capsys.readouterr().out) == {"keys": [], "legacy_callers": ["south"]}
    assert run(["keys", "forbid-legacy", "north", "--data", str(data)]) == exit_codes.USAGE
    assert run(["keys", "forbid-legacy", "south", "--data", str(data)]) == exit_codes.DONE
    assert ring.legacy_callers() == []


def test_a_list_for_programs_holds_no_whole_digest(
    data: Path, ring: KeyRing, capsys: Capture
) -> None:
    text = create(capsys, "--caller", "north", "--data", str(data)).strip()
    run(["keys", "list", "--json", "--data", str(data)])
    out = capsys.readouterr().out
    [told] = json.loads(out)["keys"]
    assert (told["caller"], told["scopes"]) == ("north", ["submit", "read"])
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert told["id"] == digest[:12] and digest not in out


# What `serve` says of keys.


def test_serve_says_when_nobody_else_may_use_it(
    place: Path, ring: KeyRing, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DataFolder(data)
    assert list(advice("127.0.0.1", folder, {})) == []
    [first, second] = advice("0.0.0.0", folder, {})
    assert "Nobody else may use it until there is an API key" in first
    assert f"keys create --caller NAME --data {data}" in second
    url = {"MEGABATCH_STORAGE_URL": (place / "other").as_uri()}
    assert "--data" not in list(advice("0.0.0.0", folder, url))[1]
    usual = DataFolder(place / "megabatch-data")
    assert "--data" not in list(advice("::", usual, {}))[1]
    ring.create("north", (Scope.READ,))
    for host in ("127.0.0.1", "0.0.0.0"):
        [line] = advice(host, folder, {})
        assert "MEGABATCH_API_KEY" in line


# The key that commands send.


def test_every_request_carries_the_key(
    command: Command, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = new_key()
    monkeypatch.setenv("MEGABATCH_API_KEY", f" {text}\n")
    service.answer("GET /v1/jobs/1", JOB)
    service.answer("POST /v1/jobs/1/cancel", JOB)
    service.answer("PUT /v1/jobs/1/priority", {**JOB, "priority": 7})
    service.answer("GET /v1/jobs/1/results", b"{}")
    command("status", 1)
    command("cancel", 1)
    command("priority", 1, 7)
    command("results", 1)
    assert len(service.headers) >= 5
    assert {headers.get("Authorization") for headers in service.headers} == {f"Bearer {text}"}


def test_without_a_key_none_is_sent(command: Command, service: Service) -> None:
    service.answer("GET /v1/jobs/1", JOB)
    command("status", 1)
    assert "Authorization" not in service.headers[0]


def test_a_key_follows_no_redirect_to_another_host(service: Service) -> None:
    other = service.url.replace("127.0.0.1", "localhost")
    service.answer("GET /v1/jobs/1", b"", 302, {"Location": f"{other}/v1/jobs/2"})
    service.answer("GET /v1/jobs/2", JOB)
    client = Client(service.url, new_key())
    client.job("1")
    assert ["Authorization" in headers for headers in service.headers] == [True, False]


@pytest.mark.parametrize(
    "text", ["no key", "mgb_short", "mgb_" + "é" * 43, "mgb_" + "a" * 43 + "\nX: y"]
)
def test_what_is_no_key_is_not_sent(
    command: Command,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    text: str,
) -> None:
    monkeypatch.setenv("MEGABATCH_API_KEY", text)
    assert command("status", 1) == exit_codes.USAGE
    said = capsys.readouterr().err
    assert "MEGABATCH_API_KEY holds no API key" in said and text not in said
    assert service.requests == []
    with pytest.raises(ConfigError):
        Client(service.url, text)


def refusal(code: str, status: int) -> dict[str, object]:
    return {"type": "about:blank", "title": "No", "status": status, "code": code, "detail": "No."}


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "key_needed", "keys create --caller NAME"),
        (401, "key_unknown", "the variable MEGABATCH_API_KEY"),
        (403, "scope_missing", "the variable MEGABATCH_API_KEY"),
        (429, "too_many_live_jobs", "No."),
    ],
)
def test_refusals_say_what_to_do_and_fail(
    command: Command, service: Service, capsys: Capture, status: int, code: str, hint: str
) -> None:
    service.answer("POST /v1/jobs/1/cancel", refusal(code, status), status)
    assert command("cancel", 1) == exit_codes.FAILED
    assert hint in capsys.readouterr().err


def test_a_poll_that_came_too_soon_is_tried_again(service: Service) -> None:
    service.answer("GET /v1/jobs/1", refusal("too_many_requests", 429), 429)
    service.answer("GET /v1/jobs/1", JOB)
    assert Client(service.url).job("1").id == JOB["id"]


def test_waiting_outlives_a_limit(
    command: Command, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.client._RETRIES", False)
    service.answer("GET /v1/jobs/1", JOB)
    service.answer("GET /v1/jobs/1", refusal("too_many_requests", 429), 429)
    service.answer("GET /v1/jobs/1", {**JOB, "status": "cancelled"})
    assert command("wait", 1) == exit_codes.CANCELLED


def test_a_limit_is_an_error_of_its_own(service: Service) -> None:
    service.answer("POST /v1/jobs", refusal("too_many_live_jobs", 429), 429)
    with pytest.raises(MegaBatchError) as raised:
        Client(service.url).submit({})
    assert type(raised.value) is LimitReached


# Which jobs come first.


def test_priority_is_put_and_told(command: Command, service: Service, capsys: Capture) -> None:
    service.answer("PUT /v1/jobs/1/priority", {**JOB, "priority": 7})
    service.answer("GET /v1/jobs/1", {**JOB, "priority": 7})
    assert command("priority", 1, 7) == exit_codes.DONE
    assert "priority 7" in capsys.readouterr().err
    assert json.loads(service.bodies("PUT /v1/jobs/1/priority")[0]) == {"priority": 7}
    command("status", 1)
    assert "priority 7: its shards go before those of jobs with less" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["-1", "10", "high"])
def test_a_priority_is_a_digit(command: Command, service: Service, number: str) -> None:
    assert command("priority", 1, number) == exit_codes.USAGE
    assert service.requests == []
