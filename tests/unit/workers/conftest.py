"""One worker's context in this process, on a real Redis and a real local storage."""

from pathlib import Path

import pytest
import redis

from core.config import Settings
from core.job_folder import JobFolder
from core.job_store import JobStore
from tests.factories import accepted_job
from tests.hash_worker_context import hash_context
from tests.outbox import Outbox
from workers.context import WorkerContext

J = "a" * 32


class Bench:
    """A worker, the messages that follow from what it does, and a folder of pictures."""

    def __init__(self, settings: Settings, pictures: Path) -> None:
        self.pictures = pictures
        self.outbox = Outbox()
        self.context = self.another_worker("bench", settings)

    def another_worker(self, name: str, settings: Settings) -> WorkerContext:
        context = hash_context(settings, name)
        client = redis.Redis.from_url(settings.redis_url)
        context.__dict__["store"] = JobStore(client, self.outbox)
        return context

    @property
    def store(self) -> JobStore:
        return self.context.store

    @property
    def folder(self) -> JobFolder:
        return self.context.folder

    def add(self, *names: str, content: bytes = b"x") -> None:
        for name in names:
            path = self.pictures / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def accept(self, job_id: str = J, **request: object) -> None:
        """Accept a job on the folder of pictures, as the API does."""
        request.setdefault("container_url", str(self.pictures))
        job = accepted_job(job_id, **request)
        self.folder.accept(job)
        self.store.create(job)


@pytest.fixture
def bench(settings: Settings, tmp_path: Path) -> Bench:
    return Bench(settings, tmp_path / "pictures")


@pytest.fixture(autouse=True)
def leaving(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have ended: this process is nobody's child, and goes on."""
    ended: list[str] = []
    monkeypatch.setattr("workers.leaving.end_worker", lambda: ended.append("worker"))
    monkeypatch.setattr("workers.shard_runner.start_child_anew", lambda: ended.append("child"))
    return ended
