"""Each act strikes those whom it names, and when it is undone they are back."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.azurite_server import Azurite
from tests.torture.acts import KILLS, OTHERS, Act
from tests.torture.faults import Refuse
from tests.torture.mischief import Mischief
from tests.torture.processes import Process, family, find, pool_children
from tests.torture.recovery import Recovery
from tests.torture.stage import AZURITE, BROKER, REDIS, Stage, set_up

VICTIM = "worker 1"
ENDLESS = 1000.0


@pytest.fixture
def stage(azurite: Azurite, tmp_path: Path) -> Iterator[Stage]:
    with set_up("folder", azurite, tmp_path / "stage", 1) as stage:
        yield stage


@pytest.fixture
def victims(stage: Stage) -> tuple[Process, Process]:
    """A main process and its child."""
    stage.system.start(VICTIM, "tests.torture.sleeper")
    # A child that is stopped before it has its program keeps its parent from being stopped.
    until(lambda: len(pool_children(stage.pid(VICTIM))) == 1)
    main, child = family(stage.pid(VICTIM))
    return main, child


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def do(stage: Stage, kind: str, victim: str = VICTIM, lasts: float = ENDLESS) -> Mischief:
    fault = Refuse() if kind.startswith("fault") else None
    acts = [Act(kind, victim, 0, lasts, fault)]
    mischief = Mischief(stage, Recovery(stage.direct_redis), acts, lambda text: None)
    mischief.go_on()
    assert mischief.done == {kind: 1}
    return mischief


def state(process: Process) -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize(
    ("kind", "main_lives", "child_lives"),
    [
        ("worker with its child", False, False),
        ("worker's main process", False, True),
        ("worker's child", True, False),
        ("control worker", False, False),
        ("control worker's child", True, False),
        ("API", False, False),
    ],
)
def test_who_is_killed(
    stage: Stage, victims: tuple[Process, Process], kind: str, main_lives: bool, child_lives: bool
) -> None:
    assert kind in KILLS
    mischief = do(stage, kind)
    main, child = victims
    until(lambda: (main.lives, child.lives) == (main_lives, child_lives))
    assert mischief.kills == 1


def test_who_was_killed_is_started_again(
    stage: Stage, victims: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[str] = []
    monkeypatch.setattr(stage, "start", again.append)
    mischief = do(stage, "worker with its child")
    assert not mischief.is_over and again == []
    mischief.undo_all()
    assert mischief.is_over and again == [VICTIM]


def test_who_is_stopped_goes_on(stage: Stage, victims: tuple[Process, Process]) -> None:
    mischief = do(stage, "stop a worker")
    until(lambda: {state(one) for one in victims} == {"T"})
    mischief.undo_all()
    until(lambda: "T" not in {state(one) for one in victims})
    assert mischief.kills == 0


@pytest.mark.parametrize(("kind", "victim"), [("stop Redis", REDIS), ("stop Azurite", AZURITE)])
def test_servers_are_stopped(stage: Stage, kind: str, victim: str) -> None:
    assert kind in OTHERS
    server = find(stage.redis.pid if victim == REDIS else stage.azurite.process.pid)
    assert server
    mischief = do(stage, kind, victim)
    until(lambda: state(server) == "T")
    mischief.undo_all()
    until(lambda: state(server) != "T")


@pytest.mark.parametrize(
    ("kind", "left"), [("Redis", "x"), ("Redis, and its disk", None), ("wipe Redis", None)]
)
def test_what_redis_knows_afterwards(stage: Stage, kind: str, left: str | None) -> None:
    with stage.direct_redis() as client:
        client.set("known", "x")
    # The append-only file is written to the disk every second.
    time.sleep(1.5)
    mischief = do(stage, kind, REDIS)
    mischief.undo_all()
    with stage.direct_redis() as client:
        assert client.get("known") == left
    assert mischief.kills == (0 if kind == "wipe Redis" else 1)


def test_faults_are_switched_on_and_off(stage: Stage) -> None:
    proxy = stage.proxies[BROKER]
    mischief = do(stage, "fault before the broker", BROKER)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy.port)
    mischief.undo_all()
    connect(proxy.port)


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=10).close()


def test_victims_suffer_one_act_at_a_time(stage: Stage, victims: tuple[Process, Process]) -> None:
    acts = [Act("stop a worker", VICTIM, 0, ENDLESS), Act("worker's child", VICTIM, 0, ENDLESS)]
    mischief = Mischief(stage, Recovery(stage.direct_redis), acts, lambda text: None)
    for _ in range(3):
        mischief.go_on()
    assert mischief.done == {"stop a worker": 1} and len(mischief.acts) == 1
    mischief.undo_all()
    mischief.go_on()
    assert mischief.done == {"stop a worker": 1, "worker's child": 1}
    mischief.undo_all()


def test_who_ends_by_himself_is_started_again(
    stage: Stage, victims: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stage, "names", (VICTIM,))
    monkeypatch.setattr(
        stage, "start", lambda name: stage.system.start(name, "tests.torture.sleeper")
    )
    mischief = Mischief(stage, Recovery(stage.direct_redis), [], lambda text: None)
    mischief.revive()
    assert mischief.ended == 0
    stage.system.processes[VICTIM].kill()
    until(lambda: not victims[0].lives)
    mischief.revive()
    assert mischief.ended == 1 and find(stage.pid(VICTIM)) is not None
    victims[1].signal(signal.SIGKILL)
