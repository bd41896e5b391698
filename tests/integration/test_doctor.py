"""`megabatch doctor` beside a whole system that works."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from core.config import Settings
from core.key_ring import open_key_ring
from core.keys import Scope
from core.queue import connect_redis
from tests.fixtures.system import ROOT, System
from tests.integration.conftest import Pictures

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(settings: Settings, demo_model: Path) -> Settings:
    return msgspec.structs.replace(settings, model_folder=demo_model.parent)


def examined(system: System) -> dict[str, str]:
    """The verdict and what was seen, of each thing that the doctor looks at."""
    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "doctor", "--json"],
        cwd=ROOT,
        # A GPU of the machine that the tests run on is none of theirs.
        env={**system._environment(), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.stderr == ""
    told = json.loads(ended.stdout)
    assert ended.returncode == (3 if told["verdict"] == "fault" else 0)
    return {
        f"{one['part']}: {one['what']}": f"{one['verdict']}: {one['seen']}"
        for one in told["findings"]
    }


def test_all_is_well_until_somebody_dies(system: System, pictures: Pictures) -> None:
    pictures.add(20)
    system.key = open_key_ring(system.settings).create("north", (Scope.SUBMIT, Scope.READ))
    system.start_all(delay=0.2)
    job_id = system.submit(container_url=str(pictures.folder))
    with connect_redis(system.settings, socket_timeout=5) as redis:
        system.wait_until(lambda: bool(redis.exists("megabatch:reaped")), "the reaper has looked")
    found = examined(system)
    assert [text for text in found.values() if not text.startswith("ok: ")] == []
    assert found["workers: demo"].startswith("ok: 2 live, ")
    assert "storage: create-only" in found and "clock: Redis" in found
    assert system.wait(job_id)["progress"]["images_done"] == 20

    system.kill("control")
    system.wait_until(lambda: not system.control_lives(), "it is missed")
    assert examined(system)["workers: control"].startswith("fault: none lives")
