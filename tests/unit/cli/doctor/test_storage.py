"""What is said of our own storage: a folder, Azurite, and a store that heeds no conditions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from cli.doctor import storage
from cli.doctor.case import Case
from cli.doctor.finding import Finding, Part, Verdict
from core.jobs import utc_now
from core.storage import Storage, open_storage
from tests.azurite_server import ACCOUNT, KEY, Azurite
from tests.fixtures.redis_server import free_port
from tests.unit.cli.doctor.careless_storage import CarelessStorage, careless_storage
from tests.unit.cli.doctor.conftest import by_what, changed, verdicts

WELL = {"write": "ok", "create-only": "ok", "read": "ok", "list": "ok", "delete": "ok"}


@pytest.fixture
def local(case: Case) -> Case:
    """A service whose folder is there."""
    open_storage(case.settings)
    return case


@pytest.fixture
def account(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azurite.account_url)


@pytest.fixture
def cloud(case: Case, azurite: Azurite, account: None) -> Case:
    name = f"own-{uuid4().hex[:8]}"
    azurite.create_container(name)
    return changed(case, storage_url=f"az://{name}")


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> Iterator[CarelessStorage]:
    with careless_storage() as server:
        for name, text in (
            ("AWS_ENDPOINT", f"http://127.0.0.1:{server.server_port}"),
            ("AWS_ACCESS_KEY_ID", "canary-id"),
            ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
            ("AWS_REGION", "here"),
        ):
            monkeypatch.setenv(name, text)
        yield server


def look(case: Case) -> dict[str, Finding]:
    """What is said of the storage; its clock is left to the tests of clocks."""
    return by_what(one for one in storage.examine(case) if one.part is Part.STORAGE)


def clocks(case: Case) -> list[Finding]:
    return [one for one in storage.examine(case) if one.part is Part.CLOCK]


def files(case: Case) -> list[str]:
    return open_storage(case.settings).names("")


@pytest.mark.parametrize("kind", ["local", "cloud"])
def test_a_storage_as_it_should_be(kind: str, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(kind)
    open_storage(case.settings).create("jobs/x/job.json", b"{}")
    found = look(case)
    assert verdicts(found) == WELL
    assert found["write"].seen == f"{case.settings.storage_url} takes files"
    assert found["read"].seen.endswith(" ms")
    assert files(case) == ["jobs/x/job.json"]


def test_a_folder_that_is_not_there_is_not_made(case: Case) -> None:
    found = look(case)
    assert verdicts(found) == {"storage": "warning"} and "mount" in found["storage"].todo
    assert case.settings.storage_folder and not case.settings.storage_folder.exists()


def test_a_file_where_the_folder_should_be(case: Case, tmp_path: Path) -> None:
    (tmp_path / "storage").write_text("")
    assert verdicts(look(case)) == {"storage": "fault"}


def test_a_folder_that_takes_no_files(local: Case, tmp_path: Path) -> None:
    (tmp_path / "storage/doctor").write_text("")
    found = look(local)
    assert verdicts(found) == {"write": "fault"} and "credentials" in found["write"].todo
    assert files(local) == ["doctor"]


@pytest.mark.parametrize("url", ["file://[x", "gopher://x", "nonsense"])
def test_a_url_that_names_no_storage(case: Case, url: str) -> None:
    [finding] = storage.examine(changed(case, storage_url=url))
    assert finding.verdict is Verdict.FAULT and finding.todo


def test_no_url_is_a_matter_of_the_settings(case: Case) -> None:
    assert list(storage.examine(changed(case, storage_url=""))) == []


def test_a_container_that_is_not_there(case: Case, account: None) -> None:
    found = look(changed(case, storage_url="az://nowhere"))
    assert verdicts(found) == {"write": "fault"}
    assert found["write"].seen == "az://nowhere does not exist"


def test_a_key_that_is_refused_is_not_shown(cloud: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("Y2FuYXJ5Y2FuYXJ5", "canary!"):
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", key)
        [finding] = storage.examine(cloud)
        assert finding.verdict is Verdict.FAULT and finding.todo
        assert key not in finding.seen and "canary" not in finding.seen.lower()


def test_a_storage_that_is_away(cloud: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:{free_port()}/{ACCOUNT}")
    assert verdicts(look(cloud)) == {"write": "fault"}


def test_a_storage_that_is_silent(
    cloud: Case, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:{silent_port}/{ACCOUNT}")
    assert verdicts(look(cloud)) == {"write": "fault"}


def test_a_store_that_ignores_conditions(case: Case, careless: CarelessStorage) -> None:
    found = look(changed(case, storage_url="s3://bucket"))
    assert verdicts(found) == {**WELL, "create-only": "fault"}
    assert "If-None-Match" in found["create-only"].todo
    assert careless.files == {}


@pytest.mark.parametrize(
    ("badly", "faults"),
    [
        ("refuses", {"write"}),
        ("forgets", {"create-only", "read", "list"}),
        ("reads", {"create-only", "read"}),
        ("lists", {"create-only", "list"}),
        ("deletes", {"create-only", "delete"}),
    ],
)
def test_each_thing_is_tried_by_itself(
    case: Case, careless: CarelessStorage, badly: str, faults: set[str]
) -> None:
    careless.badly.add(badly)
    found = look(changed(case, storage_url="s3://id:canary-secret@bucket"))
    assert {what for what, verdict in verdicts(found).items() if verdict == "fault"} == faults
    assert "canary-secret" not in repr(found)


def test_the_probe_goes_when_something_breaks(local: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[str]:
        raise RuntimeError("canary")

    monkeypatch.setattr(Storage, "names", broken)
    [*_, finding] = storage.examine(local)
    monkeypatch.undo()
    assert finding.seen == "cannot be looked at (RuntimeError)" and files(local) == []


@pytest.mark.parametrize(
    ("seconds", "verdict", "seen"),
    [
        (0, "ok", "agrees"),
        (-30, "warning", "ahead of"),
        (30, "warning", "behind"),
        (-90, "fault", "ahead of"),
    ],
)
def test_the_clock_of_a_storage(
    cloud: Case, monkeypatch: pytest.MonkeyPatch, seconds: int, verdict: str, seen: str
) -> None:
    def shifted() -> datetime:
        return utc_now() + timedelta(seconds=seconds)

    monkeypatch.setattr(storage, "utc_now", shifted)
    [clock] = clocks(cloud)
    assert (clock.what, clock.verdict) == ("storage", verdict) and seen in clock.seen


def test_the_clock_of_a_folder_is_this_hosts_own(local: Case) -> None:
    assert clocks(local) == []


def test_a_clock_years_away(case: Case, careless: CarelessStorage) -> None:
    [clock] = clocks(changed(case, storage_url="s3://bucket"))
    away = datetime(2030, 1, 1, tzinfo=UTC) - utc_now()
    word = "ahead of" if away > timedelta() else "behind"
    assert clock.verdict is Verdict.FAULT and word in clock.seen
