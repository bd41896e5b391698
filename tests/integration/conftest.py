"""Pictures for whole jobs, with the results that they must have."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from core.config import Settings
from tests.pictures import jpeg


class Pictures:
    """A folder of small pictures, no two alike."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content: dict[str, bytes] = {}

    def add(self, count: int, folder: str = "north") -> None:
        start = len(self.content)
        self.write({f"{folder}/{n:05d}.jpg": jpeg(n) for n in range(start, start + count)})

    def write(self, content: Mapping[str, bytes]) -> None:
        for name, data in content.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.content |= content


@pytest.fixture
def pictures(settings: Settings) -> Pictures:
    return Pictures(settings.allowed_roots[0] / "pictures")
