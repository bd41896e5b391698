"""The stage of one test process."""

from collections.abc import Iterator

import pytest

from tests.faults.stage import Stage, open_stage
from tests.fixtures.redis_server import RedisServer


@pytest.fixture(scope="session")
def stage(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("stage"), redis_server) as stage:
        yield stage
