import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cli.data_folder import DataFolder
from cli.redis_server import answers, free_port
from cli.system import System, SystemOptions, child_environment, running_system
from core.config import read_settings
from core.errors import ConfigError, Unavailable
from tests.unit.cli.stand_in import process_ids, write_stand_ins
from tests.unit.cli.test_processes import alive, until

START = """
import os, pathlib, sys
from cli.system import System, SystemOptions, running_system
folder = pathlib.Path(sys.argv[1])
options = SystemOptions(models=("demo",), model_folder=folder, data_folder=folder / "data",
    port=0, code_folder=folder / "code")
with running_system(options, dict(os.environ), print) as system:
    system.wait_ready()
    (folder / "ready").touch()
    system.pause(600)
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return write_stand_ins(tmp_path / "code")


@pytest.fixture
def options(tmp_path: Path, code: Path) -> SystemOptions:
    return SystemOptions(
        models=("demo",),
        model_folder=tmp_path / "models",
        data_folder=tmp_path / "data",
        port=0,
        workers=2,
        code_folder=code,
    )


def environ(**more: str) -> dict[str, str]:
    own = {name: text for name, text in os.environ.items() if not name.startswith("MEGABATCH_")}
    own.pop("REDIS_URL", None)
    return own | more


def test_everything_runs_and_stops(options: SystemOptions, code: Path) -> None:
    lines: list[str] = []
    with running_system(options, environ(), lines.append) as system:
        system.wait_ready()
        until(lambda: len(process_ids(code, "detection")) == 2 and process_ids(code, "control"))
        pids = [pid for kind in ("api", "control", "detection") for pid in process_ids(code, kind)]
        given = json.loads((code / "environment.json").read_text())
        assert answers(given["REDIS_URL"])
        assert system.client.models()[0].workers == 2

    assert not any(alive(pid) for pid in pids)
    assert not answers(given["REDIS_URL"])
    assert lines == []
    log = system.folder.logs / "detection-worker-2.log"
    assert log.read_text() == "started detection --model demo\nstopped in good order\n"
    assert (system.folder.logs / "control-worker.log").read_text().startswith("started control\n")

    settings = read_settings(given)
    assert settings.default_model == "demo"
    assert settings.storage_url == system.folder.storage.as_uri()
    assert settings.secret_keys == (system.folder.secret_key(),)
    assert settings.model_folder == options.model_folder


def test_a_worker_that_dies_is_started_again(options: SystemOptions, code: Path) -> None:
    lines: list[str] = []
    with running_system(options, environ(), lines.append) as system:
        system.wait_ready()
        before = process_ids(code, "control")
        os.kill(before[0], signal.SIGKILL)

        def started_again() -> bool:
            system.pause(0.1)
            return len(process_ids(code, "control")) == 2

        until(started_again)
    assert lines[0].startswith("control-worker ended with exit code 137; starting it again in 1 s")


def test_a_child_that_ends_while_starting_shows_its_last_words(options: SystemOptions) -> None:
    given = environ(MEGABATCH_STAND_IN="broken")
    with (
        pytest.raises(Unavailable, match=r"(?s)worker.* exit code 1 while.*tensorfloss"),
        running_system(options, given, print) as system,
    ):
        system.wait_ready()


def test_a_service_that_asks_for_keys_gets_ready_too(options: SystemOptions) -> None:
    with running_system(options, environ(MEGABATCH_STAND_IN="closed"), print) as system:
        system.wait_ready(30)


def test_each_model_has_its_workers(options: SystemOptions, tmp_path: Path) -> None:
    own = tmp_path / "own.pb"
    several = msgspec.structs.replace(
        options, models=("own", "demo"), model_files=(own,), workers=1
    )
    system = System(several, DataFolder(several.data_folder), print)
    assert [words for name, *words in system._programs() if name.startswith("detection")] == [
        ["workers", "detection", "--model", "own"],
        ["workers", "detection", "--model", "demo"],
    ]
    given = environ(MEGABATCH_MODEL_FILES="/more.pb")
    settings = read_settings(child_environment(several, system.folder, given))
    assert settings.default_model == "own"
    assert settings.model_files == (Path("/more.pb"), own)


def test_a_model_without_a_worker_is_waited_for(options: SystemOptions) -> None:
    lacking = msgspec.structs.replace(options, models=("demo", "third"))
    with (
        pytest.raises(Unavailable, match="did not get ready within 2 s"),
        running_system(lacking, environ(), print) as system,
    ):
        system.wait_ready(2)


def test_a_worker_of_another_model_does_not_count(options: SystemOptions, code: Path) -> None:
    (code / "workers" / "__main__.py").write_text("import time; time.sleep(600)")
    with (
        pytest.raises(Unavailable, match=r"(?s)did not get ready within 1 s.*logs"),
        running_system(options, environ(), print) as system,
    ):
        system.wait_ready(1)


def test_nothing_is_left_when_serve_is_killed(tmp_path: Path, code: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", START, str(tmp_path)], env=environ()) as serve:
        until((tmp_path / "ready").exists)
        serve.kill()
    url = json.loads((code / "environment.json").read_text())["REDIS_URL"]
    pids = [pid for kind in ("api", "control", "detection") for pid in process_ids(code, kind)]
    assert len(pids) == 3
    until(lambda: not any(alive(pid) for pid in pids) and not answers(url))

    def free() -> bool:
        try:
            with DataFolder(tmp_path / "data").locked():
                return True
        except ConfigError:
            return False

    until(free)


def test_the_logs_of_the_run_before_are_kept(options: SystemOptions) -> None:
    log = DataFolder(options.data_folder).logs / "api.log"
    log.write_text("older words")
    with running_system(options, environ(), print) as system:
        system.wait_ready()
    assert log.read_text() != "older words"
    assert log.with_name("api.log.old").read_text() == "older words"


def test_what_the_environment_sets_is_kept(options: SystemOptions, tmp_path: Path) -> None:
    given = {
        "MEGABATCH_STORAGE_URL": "az://jobs",
        "MEGABATCH_SECRET_KEYS": "k1,k2",
        "MEGABATCH_ALLOWED_ROOTS": "/photos",
        "MEGABATCH_DEFAULT_MODEL": "megadetector-v3",
    }
    more = msgspec.structs.replace(options, allowed_roots=(tmp_path,))
    made = child_environment(more, DataFolder(tmp_path / "data"), given)
    assert made["MEGABATCH_STORAGE_URL"] == "az://jobs"
    assert made["MEGABATCH_SECRET_KEYS"] == "k1,k2"
    assert made["MEGABATCH_ALLOWED_ROOTS"] == f"/photos,{tmp_path}"
    assert made["MEGABATCH_DEFAULT_MODEL"] == "demo"
    assert not (tmp_path / "data" / "secret-key").exists()


def test_a_root_with_a_comma_is_refused(options: SystemOptions, tmp_path: Path) -> None:
    comma = msgspec.structs.replace(options, allowed_roots=(tmp_path / "a,b",))
    with pytest.raises(ConfigError, match=r"no comma in it: .*a,b"):
        child_environment(comma, DataFolder(tmp_path / "data"), {})


def test_a_taken_port_is_said_before_anything_starts(options: SystemOptions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = msgspec.structs.replace(options, port=port)
        with (
            pytest.raises(ConfigError, match=rf"port {port} cannot be used.*--port"),
            running_system(busy, environ(), print),
        ):
            pass
    assert list(DataFolder(options.data_folder).logs.iterdir()) == []


def test_a_redis_that_is_named_is_used(options: SystemOptions) -> None:
    given = environ(REDIS_URL="http://nowhere")
    with pytest.raises(ConfigError, match="REDIS_URL"), running_system(options, given, print):
        pass
    assert not (DataFolder(options.data_folder).logs / "redis.log").exists()


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:"), ("127.0.0.1", "http://127.0.0.1:")]
)
def test_the_url_is_one_that_can_be_reached(options: SystemOptions, host: str, url: str) -> None:

    there = msgspec.structs.replace(options, host=host, port=free_port())
    system = System(there, DataFolder(options.data_folder), print)
    assert system.url == f"{url}{there.port}"
