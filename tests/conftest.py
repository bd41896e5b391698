"""Fixtures for all tests live in tests/fixtures/, one server or resource a file."""

pytest_plugins = [
    "tests.fixtures.azurite",
    "tests.fixtures.demo_model",
    "tests.fixtures.peer",
    "tests.fixtures.redis_server",
    "tests.fixtures.silence",
    "tests.fixtures.system",
]
