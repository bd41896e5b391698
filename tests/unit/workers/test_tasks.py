"""What a task does with an error: it is in the job store by then, and Celery has no part in it."""

import logging
from typing import Any

import pytest

from tests.unit.workers.conftest import Bench
from workers.tasks import _task


def test_error_of_a_task_is_logged_and_goes_no_further(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def work(*_: Any) -> None:
        raise RuntimeError("surprise")

    with caplog.at_level(logging.ERROR):
        _task("run_shard", work, lambda: bench.context)("job", 3)
    assert "run_shard job 3 failed" in caplog.text and "surprise" in caplog.text
