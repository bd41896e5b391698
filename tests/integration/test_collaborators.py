"""docs/collaborators.md: its commands run as printed, but for those of Azure's own tool `az`."""

import json
import os
import sys
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from cli.exit_codes import SOME_FAILED
from core.config import Settings
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.azurite_server import Azurite
from tests.fixtures.system import System
from tests.integration.printed import DOCS, run_as_printed
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

PAGE = (DOCS / "collaborators.md").read_text()
#: Pictures in the container; the page takes a sample of a hundred.
PICTURES = 105


@pytest.fixture
def settings(settings: Settings) -> Settings:
    local = (ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(settings, allowed_private_ranges=local)


@pytest.fixture
def place(azurite: Azurite, tmp_path: Path) -> Path:
    """The collaborator's folder after step 3."""
    container = f"season-{uuid4().hex[:8]}"
    pictures = {f"river/IMG_{n:04d}.JPG": jpeg(n) for n in range(PICTURES - 1)}
    cut_off = jpeg(PICTURES)[:-100]
    azurite.create_container(container, {**pictures, "north/IMG_0001.JPG": cut_off})
    place = tmp_path / "place"
    place.mkdir()
    (place / "container-url.txt").write_text(azurite.container_url(container) + "\n")
    return place


def test_the_commands_run_as_printed(system: System, place: Path) -> None:
    system.key = open_key_ring(system.settings).create("survey", (Scope.SUBMIT, Scope.READ))
    system.start_all()
    environment = {
        "MEGABATCH_SERVICE": system.url,
        "MEGABATCH_API_KEY": system.key,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # where `megabatch` is
    }
    printed = run_as_printed(PAGE, place, environment, system.logs, also_right=SOME_FAILED)
    assert len(json.loads((place / "trial.json").read_text())["images"]) == 100
    # What was cut off was tried again, and succeeded.
    images = json.loads((place / "results.json").read_text())["images"]
    assert len(images) == PICTURES
    assert [image for image in images if image.get("failure")] == []
    assert json.loads((place / "failed-images.json").read_text()) == ["north/IMG_0001.JPG"]
    job_id = printed[2].strip()
    assert system.refusal("GET", f"/v1/jobs/{job_id}") == 410
