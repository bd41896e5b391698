"""The API and the control worker do their work where nothing that detects is installed."""

from pathlib import Path

import pytest

from tests.fixtures.system import System
from tests.integration.conftest import Pictures
from tests.integration.oracle import expected_images
from tests.unit.cli.blocked import path_without
from tests.unit.cli.test_extras import DETECTION

pytestmark = pytest.mark.integration


def test_a_job_is_planned_and_merged_without_tensorflow_and_numpy(
    system: System, pictures: Pictures, tmp_path: Path
) -> None:
    pictures.add(20)
    system.environment["PYTHONPATH"] = path_without(DETECTION, tmp_path)
    system.start_control()
    system.start_api()
    del system.environment["PYTHONPATH"]
    system.start_hash_worker("one")
    job_id = system.submit(container_url=str(pictures.folder))
    assert system.wait(job_id)["status"] == "completed"
    assert system.results(job_id)["images"] == expected_images(pictures.content)


def test_what_is_blocked_cannot_be_imported(system: System, tmp_path: Path) -> None:
    system.environment["PYTHONPATH"] = path_without(DETECTION, tmp_path)
    system.start("one", "detection.decoding_process")
    system.wait_until(lambda: system.processes["one"].poll() is not None, "it has ended")
    [log] = [file for file in system.log_files() if file.name == "one.log"]
    assert "ModuleNotFoundError: No module named" in log.read_text()
