import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

from cli.programs import CODE_FOLDER, environment
from cli.redis_server import free_port
from core.sealing import new_secret_key
from tests.unit.cli.test_processes import until

COMMAND = (sys.executable, "-m", "cli.main")


def own_environment(**more: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MEGABATCH_")}
    return {**kept, "PYTHONPATH": str(CODE_FOLDER), **more}


@pytest.mark.parametrize(
    "words", [("worker", "control"), ("worker", "detection", "--model", "demo"), ("api",)]
)
def test_a_program_without_settings_says_what_is_missing(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "workers.py").write_text("raise SystemExit('not the package that was meant')")
    (tmp_path / "api.py").write_text("raise SystemExit('not the package that was meant')")
    ended = subprocess.run(
        [*COMMAND, *words],
        env={**own_environment(), "PYTHONSAFEPATH": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "MEGABATCH_STORAGE_URL is not set" in ended.stderr


def test_the_api_takes_the_place_of_the_command(tmp_path: Path) -> None:
    port = free_port()
    settings = {
        "MEGABATCH_STORAGE_URL": tmp_path.as_uri(),
        "MEGABATCH_SECRET_KEYS": new_secret_key(),
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    words = ("api", "--port", str(port), "--threads", "2")
    with (
        subprocess.Popen(
            [*COMMAND, *words], env=own_environment(**settings), stderr=subprocess.DEVNULL
        ) as api,
        urllib3.PoolManager(retries=False) as pool,
    ):
        until(lambda: answers(pool, port) or api.poll() is not None)
        running = Path(f"/proc/{api.pid}/cmdline").read_text().split("\0")
        api.send_signal(signal.SIGTERM)
        api.wait(20)
    assert running[1:4] == ["-P", "-m", "api"]
    assert running[running.index("--threads") + 1] == "2"


def answers(pool: urllib3.PoolManager, port: int) -> bool:
    try:
        return pool.request("GET", f"http://127.0.0.1:{port}/healthz").status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_a_program_finds_our_packages_and_the_models_that_were_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".cache" / "models").mkdir(parents=True)
    made = environment({"PYTHONPATH": "/more", "A": "b"})
    assert made == {
        "A": "b",
        "PYTHONPATH": f"{CODE_FOLDER}{os.pathsep}/more",
        "MEGABATCH_MODEL_FOLDER": str(tmp_path / ".cache" / "models"),
    }
    assert environment({"MEGABATCH_MODEL_FOLDER": "/m"})["MEGABATCH_MODEL_FOLDER"] == "/m"
    assert environment({})["PYTHONPATH"] == str(CODE_FOLDER)
