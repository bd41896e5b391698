from collections.abc import Callable, Iterator

import pytest

from cli.main import run
from tests.unit.cli.service import Service, running_service

Command = Callable[..., int]


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


@pytest.fixture
def command(service: Service, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `megabatch` against the stand-in service."""
    monkeypatch.setenv("MEGABATCH_SERVICE", service.url)
    return lambda *words: run([str(word) for word in words])
