"""Fixtures for all tests live in tests/fixtures/, one server or resource a file."""

import signal

# Started in the background by a shell, a process ignores Ctrl-C, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.fixtures.azurite",
    "tests.fixtures.demo_model",
    "tests.fixtures.peer",
    "tests.fixtures.redis_server",
    "tests.fixtures.silence",
    "tests.fixtures.system",
]
