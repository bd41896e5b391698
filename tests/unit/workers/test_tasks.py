"""What a task does with an error: it is in the job store by then, and Celery has no part in it."""

import json
import logging
from typing import Any

import pytest

from core.logs import log_formatter
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


def test_what_a_task_logs_names_its_job_and_shard(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(log_formatter("json"))
    log = logging.getLogger("workers.tasks")

    def work(*_: Any) -> None:
        log.error("on the way")
        raise RuntimeError("surprise")

    log.addHandler(handler)
    try:
        _task("run_shard", work, lambda: bench.context)("job", 3)
        _task("plan_job", work, lambda: bench.context)("job")
        log.error("afterwards")
    finally:
        log.removeHandler(handler)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [(line.get("job_id"), line.get("shard")) for line in lines]
    assert told == [("job", 3)] * 2 + [("job", None)] * 2 + [(None, None)]
