"""How many requests are at a server at a time, and that a trouble of one is heeded by all."""

import threading
import time

import pytest

from core.containers import budget
from core.containers.budget import RequestBudget, budget_of
from core.containers.guard import Guard, locate
from core.containers.http_reader import HttpReader
from core.containers.patience import Patience
from tests.unit.core.containers.scripted_server import Reply, serving

OPEN = threading.Event()


def soon() -> float:
    return time.monotonic() + 0.05


def later() -> float:
    return time.monotonic() + 30


def entered(one: RequestBudget) -> int:
    """How many may be under way now."""
    count = 0
    while one.enter(soon(), OPEN):
        count += 1
    for _ in range(count):
        one.leave()
    return count


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every trouble is one of its own."""
    monkeypatch.setattr(budget, "_ONE_TROUBLE", 0.0)


def test_a_trouble_halves_what_is_under_way_down_to_one(at_once: None) -> None:
    one = RequestBudget()
    allowed = [entered(one)]
    for _ in range(7):
        one.troubled(0)
        allowed.append(entered(one))
    assert allowed == [32, 16, 8, 4, 2, 1, 1, 1]


def test_successes_bring_it_back_slowly(at_once: None) -> None:
    one = RequestBudget()
    for _ in range(5):
        one.troubled(0)
    rounds = [round(one.window)]
    for _ in range(4):
        for _ in range(int(one.window)):
            one.succeeded()
        rounds.append(round(one.window))
    assert rounds == [1, 2, 3, 4, 4]
    for _ in range(2000):
        one.succeeded()
    assert entered(one) == 32


def test_what_fails_together_is_one_trouble() -> None:
    one = RequestBudget()
    for _ in range(8):
        one.troubled(0)
    assert one.window == 16


def test_who_is_asked_to_wait_waits_and_so_do_all() -> None:
    one = RequestBudget()
    one.troubled(60)
    assert not one.enter(soon(), OPEN)


def test_a_turn_that_ends_lets_the_next_begin(at_once: None) -> None:
    one = RequestBudget()
    for _ in range(5):
        one.troubled(0)
    assert one.enter(later(), OPEN)
    threading.Timer(0.05, one.leave).start()
    assert one.enter(later(), OPEN)


def test_closing_ends_the_wait() -> None:
    one, closed = RequestBudget(), threading.Event()
    one.troubled(60)
    threading.Timer(0.05, closed.set).start()
    assert not one.enter(later(), closed)


def test_whoever_is_closed_gets_no_turn() -> None:
    closed = threading.Event()
    closed.set()
    assert not RequestBudget().enter(later(), closed)


def test_readers_of_one_server_share_its_budget(guard: Guard, hasty: Patience) -> None:
    budget_of.cache_clear()  # a server of another test may have had the same port, and trouble
    with serving(Reply(503), Reply(body=b"x")) as server, serving(Reply(body=b"x")) as other:
        for url in (server.url + "/a", server.url + "/b", other.url):
            reader = HttpReader(guard, patience=hasty)
            assert reader.get(locate(url)).ok
            reader.close()
        assert 16 < budget_of(locate(server.url).origin).window < 17
        assert budget_of(locate(other.url).origin).window == 32
