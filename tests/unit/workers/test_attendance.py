"""A worker's presence: who has died is told, and a worker without room is not counted."""

import shutil
from collections import namedtuple
from typing import Any

import pytest

from core.errors import Unavailable
from core.job_store import JobStore
from tests.unit.workers.conftest import Bench
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
