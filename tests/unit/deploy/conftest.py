"""The API, to ask which routes it has."""

import pytest
from flask import Flask

from api.factory import create_app
from core.config import Settings


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)
