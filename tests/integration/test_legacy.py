"""A client of 2019 against today's system: its host is all that changes."""

import json
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from core.config import Settings
from core.key_ring import open_key_ring
from detection.images import DecodeOptions
from detection.pipeline import PipelineOptions
from tests.azurite_server import Azurite
from tests.fixtures.system import System
from tests.integration.oracle import expected_images
from tests.pictures import jpeg

pytestmark = pytest.mark.integration

CLIENT = Path(__file__).parents[1] / "clients" / "client_2019.py"
BASE = "/v2/camera-trap/detection-batch"
AS_THEN = PipelineOptions(threshold=0.1, decode=DecodeOptions(preprocessing="legacy-2019"))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    local = (ip_network("127.0.0.0/8"),)
    return msgspec.structs.replace(settings, allowed_private_ranges=local)


@pytest.fixture
def running(system: System) -> System:
    open_key_ring(system.settings).create("somebody", ())  # so that nobody gets in without a key
    open_key_ring(system.settings).allow_legacy("survey")
    system.start_control()
    system.start_hash_worker("one")
    system.start_api()
    return system


def run_client(system: System, folder: Path, *arguments: str, caller: str = "survey") -> str:
    """What the client says where it fails; the files that it downloads lie in the folder."""
    container, *more = arguments
    words = [system.url, caller, container, str(folder), *more]
    ended = subprocess.run(
        [sys.executable, str(CLIENT), *words],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0 or ended.stderr, ended
    return ended.stderr


def as_then(image: dict[str, Any]) -> dict[str, Any]:
    """An image of today's format in that of 2019."""
    confidences = [detection["conf"] for detection in image["detections"]]
    return {
        "file": image["file"],
        "max_detection_conf": max(confidences, default=0.0),
        "detections": image["detections"],
    }


def test_a_client_of_2019_changes_its_host_alone(
    running: System, azurite: Azurite, tmp_path: Path
) -> None:
    container = f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(container)
    pictures = {f"site/{n:03d}.jpg": jpeg(n) for n in range(20)}
    azurite.upload(container, {**pictures, "site/broken.JPG": b"no picture", "notes.txt": b"x"})
    url = azurite.container_url(container)
    assert run_client(running, tmp_path, url) == "", running.logs()
    found = json.loads((tmp_path / "detections.json").read_text())
    assert found["info"]["format_version"] == "1.0"
    named = [{key: image[key] for key in as_then(image)} for image in found["images"]]
    assert named == [as_then(image) for image in expected_images(pictures, options=AS_THEN)]
    assert json.loads((tmp_path / "failed_images.json").read_text()) == ["site/broken.JPG"]
    assert json.loads((tmp_path / "images.json").read_text()) == [*pictures, "site/broken.JPG"]

    listed = [["site/003.jpg", "north"], ["notes.txt", "none"], ["site/001.jpg", "south"]]
    azurite.upload(container, {"list.json": json.dumps(listed).encode()})
    list_url = azurite.blob_url(container, "list.json")
    assert run_client(running, tmp_path, url, list_url) == "", running.logs()
    found = json.loads((tmp_path / "detections.json").read_text())
    assert [(image["file"], image["meta"]) for image in found["images"]] == [
        ("site/003.jpg", "north"),
        ("site/001.jpg", "south"),
    ]
    images = [["site/003.jpg", "north"], ["site/001.jpg", "south"]]
    assert json.loads((tmp_path / "images.json").read_text()) == images

    assert "401" in run_client(running, tmp_path, url, caller="nobody")
    assert "sig=" not in running.logs()


def test_images_that_may_not_be_read_fail_one_by_one(running: System, azurite: Azurite) -> None:
    container = f"lists-{uuid4().hex[:8]}"
    azurite.create_container(container)
    elsewhere = ["https://elsewhere.example/a.jpg", "http://elsewhere.example/b.jpg"]
    azurite.upload(container, {"list.json": json.dumps(elsewhere).encode()})
    list_url = azurite.blob_url(container, "list.json")
    body = {"caller": "survey", "use_url": True, "images_requested_json_sas": list_url}
    refused = "https://elsewhere.example/list.json"
    path = f"{BASE}/request_detections"
    assert running.refusal("POST", path, {**body, "images_requested_json_sas": refused}) == 400

    task = f"{BASE}/task/{running.call('POST', path, body)['request_id']}"

    def status() -> Any:
        return running.call("GET", task)["status"]

    def ended() -> bool:
        now = status()
        return now != "queued" and now["request_status"] != "running"

    running.wait_until(ended, "the task ends")
    assert status()["request_status"] == "completed"
    urls = status()["message"]["output_file_urls"]
    assert running.call("GET", urls["failed_images"].removeprefix(running.url)) == elsewhere
    assert running.call("GET", urls["detections"].removeprefix(running.url))["images"] == []
