"""Keys and limits over real sockets: the API under gunicorn, and the commands of a person."""

import http.client
import threading
from collections.abc import Mapping
from contextlib import closing

import pytest

from cli import exit_codes
from cli.main import run
from core.config import Settings
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.fixtures.system import System

pytestmark = pytest.mark.integration

Capture = pytest.CaptureFixture[str]


def get(system: System, headers: Mapping[str, str]) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", system.port, timeout=20)) as connection:
        connection.request("GET", "/v1/jobs", headers=dict(headers))
        return connection.getresponse().status


def test_the_way_of_a_key(
    system: System, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    system.start_api()
    # No key yet: this machine alone, and only by its own name.
    assert get(system, {}) == 200
    assert get(system, {"Host": "evil.example"}) == 401
    assert get(system, {"X-Forwarded-For": "127.0.0.1"}) == 401

    monkeypatch.setenv("MEGABATCH_STORAGE_URL", settings.storage_url)
    monkeypatch.setenv("MEGABATCH_SERVICE", system.url)
    assert run(["keys", "create", "--caller", "north"]) == exit_codes.DONE
    key = capsys.readouterr().out.strip()
    system.wait_until(lambda: get(system, {}) == 401, "the service asks for a key", 15)
    assert run(["jobs"]) == exit_codes.FAILED
    assert "megabatch keys create" in capsys.readouterr().err
    monkeypatch.setenv("MEGABATCH_API_KEY", key)
    assert run(["jobs"]) == exit_codes.DONE
    assert key not in system.logs()


def test_greedy_requests_leave_the_others_room(system: System, settings: Settings) -> None:
    system.environment["MEGABATCH_REQUESTS_PER_MINUTE"] = "60"
    ring = open_key_ring(settings)
    greedy, other = (
        {"Authorization": f"Bearer {ring.create(caller, (Scope.READ,))}"}
        for caller in ("greedy", "other")
    )
    system.start_api()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(get(system, greedy) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert {get(system, other) for _ in range(5)} == {200}
    for thread in threads:
        thread.join()
    assert 60 <= statuses.count(200) <= 75
    assert statuses.count(429) == len(statuses) - statuses.count(200)


@pytest.mark.parametrize(
    ("trusted", "url"),
    [("", "https://megabatch.example"), ("192.0.2.0/24", "http://127.0.0.1:")],
    ids=["this machine", "others alone"],
)
def test_a_proxy_is_believed_where_it_is_trusted(system: System, trusted: str, url: str) -> None:
    system.environment["MEGABATCH_TRUSTED_PROXIES"] = trusted
    system.start_api()
    # The last is one that gunicorn would believe from this machine by itself.
    told = {
        "X-Forwarded-Host": "megabatch.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Ssl": "on",
    }
    with closing(http.client.HTTPConnection("127.0.0.1", system.port, timeout=20)) as connection:
        connection.request("GET", "/", headers=told)
        assert url in connection.getresponse().read().decode()
