"""A worker's presence: who has died is told, and a worker without room is not counted."""

import errno
import os
import shutil
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import Unavailable
from core.job_store import JobStore
from core.room import NoRoom, check_room
from tests.unit.workers.conftest import Bench
from workers import life
from workers.attendance import Attendance
from workers.children import Children

Usage = namedtuple("Usage", "total used free")


class Post:
    """A worker with two children at its queue."""

    def __init__(self, bench: Bench) -> None:
        self.children = {11, 12}
        self.moves: list[str] = []
        self.attendance = Attendance(
            bench.context,
            "demo",
            Children(lambda: self.children),
            leave=lambda: self.moves.append("left"),
            come_back=lambda: self.moves.append("back"),
        )


@pytest.fixture
def post(bench: Bench) -> Post:
    return Post(bench)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The dead of each heartbeat."""
    told: list[Any] = []
    beat = JobStore.heartbeat

    def beating(store: JobStore, queue: str, worker: str, dead: Any = ()) -> None:
        told.append(sorted(dead))
        beat(store, queue, worker, dead)

    monkeypatch.setattr(JobStore, "heartbeat", beating)
    return told


def test_child_that_died_is_told_once_between_two_beats(post: Post, told: list[Any]) -> None:
    post.attendance.beat()
    post.attendance.look()
    post.children = {12, 13}
    post.attendance.look()
    post.attendance.look()
    post.attendance.beat()
    assert told == [[], [11], []]


def test_child_that_died_is_told_again_when_redis_was_away(
    post: Post, told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    post.attendance.beat()
    post.children = {12}

    def away(*_: Any, **__: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(JobStore, "heartbeat", away)
        post.attendance.look()
    post.attendance.look()
    assert told == [[], [11]]


def test_process_id_that_is_given_again_is_not_dead(post: Post, told: list[Any]) -> None:
    post.attendance.beat()
    post.children = {12}
    dead = post.attendance._children.dead()
    assert dead == {11}
    post.children = {11, 12}
    post.attendance.look()
    assert told == [[]]


def test_worker_without_room_leaves_and_comes_back(
    post: Post, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.attendance.beat()
    assert bench.store.live_workers("demo") == 1
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 10**6))
        post.attendance.beat()
        post.attendance.beat()
        post.attendance.look()
        assert (post.moves, bench.store.live_workers("demo")) == (["left"], 0)
    post.attendance.beat()
    assert (post.moves, bench.store.live_workers("demo")) == (["left", "back"], 1)
    post.attendance.end()
    assert bench.store.live_workers("demo") == 0


def refuse_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file server of a network file system began anew: what is below `folder` is stale."""

    def refusing(look: Callable[..., Any]) -> Callable[..., Any]:
        def stale(path: Any, *more: Any, **options: Any) -> Any:
            if Path(path).is_relative_to(folder):
                raise OSError(errno.ESTALE, "Stale file handle", str(path))
            return look(path, *more, **options)

        return stale

    for name in ("stat", "statvfs"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))


def test_worker_leaves_while_its_storage_is_stale_and_comes_back(
    post: Post, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = bench.context.settings.storage_folder
    assert storage
    post.attendance.beat()
    with monkeypatch.context() as patch:
        refuse_below(storage, patch)
        with pytest.raises(NoRoom, match=rf"{storage} cannot be looked at \(Stale file handle\)"):
            check_room(bench.context.settings)
        post.attendance.beat()
    assert (post.moves, bench.store.live_workers("demo")) == (["left"], 0)
    post.attendance.beat()
    assert (post.moves, bench.store.live_workers("demo")) == (["left", "back"], 1)


@pytest.mark.parametrize("surprised", ["beat", "look"])
def test_heartbeat_outlives_every_surprise(
    post: Post,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    surprised: str,
) -> None:
    beats, stop = 0, threading.Event()

    def surprise() -> None:
        raise RuntimeError("what nobody thought of")

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 2:
            stop.set()
        elif surprised == "beat":
            surprise()

    monkeypatch.setattr(post.attendance, "beat", beat)
    if surprised == "look":
        monkeypatch.setattr(post.attendance, "look", surprise)
    monkeypatch.setattr(life, "BEAT_EVERY", 0.01)
    monkeypatch.setattr(life, "_LOOK_EVERY", 0.001)
    life._attend(post.attendance, stop)
    assert beats == 2 and "what nobody thought of" in caplog.text
