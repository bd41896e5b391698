"""The job store on a real server, and what it would send."""

from collections.abc import Iterator

import pytest
import redis

from core.job_store import JobStore
from tests.outbox import Outbox


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def store(client: redis.Redis, outbox: Outbox) -> JobStore:
    return JobStore(client, outbox)
