"""The storages that each of these suites is run on."""

from pathlib import Path
from uuid import uuid4

import pytest

from core.config import Settings
from core.storage import Storage, open_storage
from tests.azurite_server import ACCOUNT, KEY, Azurite


@pytest.fixture(params=["folder", "azurite"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    if request.param == "folder":
        return open_storage(Settings(storage_url=f"file://{tmp_path}/storage"))
    azurite: Azurite = request.getfixturevalue("azurite")
    container = f"own-{uuid4().hex[:8]}"
    azurite.create_container(container)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azurite.account_url)
    return open_storage(Settings(storage_url=f"az://{container}"))
