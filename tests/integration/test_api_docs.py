"""docs/api.md: its examples run as they are printed, in order and in one shell."""

import json
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from api.schemas import JobBody
from core.config import Settings
from core.key_ring import open_key_ring
from core.keys import Scope
from tests.azurite_server import Azurite
from tests.fixtures.system import System
from tests.integration.printed import DOCS, blocks, run_as_printed
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

PAGE = (DOCS / "api.md").read_text()


def shown_answers() -> list[tuple[str, Any]]:
    """Each block of commands, and the answer that is shown below it, if one is."""
    found = [block for block in blocks(PAGE) if block[0] in ("sh", "json")]
    after = [*found[1:], ("", "")]
    return [
        (text, json.loads(shown) if kind == "json" else None)
        for (language, text), (kind, shown) in zip(found, after, strict=True)
        if language == "sh"
    ]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    local = (ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(settings, allowed_private_ranges=local)


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(name)
    pictures = {f"north/{n:05d}.jpg": jpeg(n) for n in range(20)}
    azurite.upload(name, {**pictures, "north/broken.jpg": b"no picture", "notes.txt": b"x"})
    return azurite.container_url(name)


def test_the_examples_run_as_printed(system: System, container: str, tmp_path: Path) -> None:
    scopes = (Scope.SUBMIT, Scope.READ)
    key = open_key_ring(system.settings).create("survey", scopes)
    system.key = key
    system.start_all()
    place = tmp_path / "place"
    place.mkdir()
    environment = {"MEGABATCH": system.url, "MEGABATCH_API_KEY": key, "CONTAINER_URL": container}
    printed = run_as_printed(PAGE, place, environment, system.logs)
    for (text, shown), output in zip(shown_answers(), printed, strict=True):
        if shown is not None:
            assert set(json.loads(output)) == set(shown), text
    results = json.loads((place / "results.json").read_text())
    assert len(results["images"]) == 21


def test_the_table_of_fields_is_that_of_the_code() -> None:
    section = PAGE.split("\n## What a job is asked for\n", 1)[1].split("\n## ", 1)[0]
    fields = re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
    assert sorted(fields) == sorted(JobBody.model_fields)
