"""`megabatch doctor` as it is typed."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import redis

from cli import exit_codes
from cli.doctor import gpu
from cli.main import run
from core.config import Settings
from core.job_store import JobStore
from core.key_ring import open_key_ring
from core.keys import Scope
from core.queue import connect_redis
from tests.fixtures.redis_server import RedisServer, free_port
from tests.unit.cli.blocked import megabatch_without
from tests.unit.cli.test_extras import DETECTION

Capture = pytest.CaptureFixture[str]


def variables(settings: Settings, demo_model: Path) -> dict[str, str]:
    return {
        "REDIS_URL": settings.redis_url,
        "MEGABATCH_STORAGE_URL": settings.storage_url,
        "MEGABATCH_SECRET_KEYS": ",".join(settings.secret_keys),
        "MEGABATCH_ALLOWED_ROOTS": ",".join(map(str, settings.allowed_roots)),
        "MEGABATCH_MODEL_FOLDER": str(demo_model.parent),
        "MEGABATCH_DEFAULT_MODEL": "demo",
    }


@pytest.fixture
def given(
    settings: Settings, demo_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """The variables of a service where all is well, for whom no GPU is to be seen."""
    store = JobStore(connect_redis(settings, socket_timeout=5), send=lambda _messages: None)
    store.heartbeat("control", "one")
    store.reap("one")
    open_key_ring(settings).create("north", (Scope.READ,))
    monkeypatch.setattr(gpu, "signs_of_nvidia", lambda _environ: iter(()))
    monkeypatch.chdir(tmp_path)
    given = variables(settings, demo_model)
    for name, text in given.items():
        monkeypatch.setenv(name, text)
    return given


@pytest.fixture(scope="module")
def tensorflow_told() -> subprocess.CompletedProcess[bytes]:
    """What TensorFlow told of this host when it was asked, which takes it long."""
    return gpu._ask(os.environ)


@pytest.fixture
def asked_once(
    tensorflow_told: subprocess.CompletedProcess[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "_ask", lambda _environ: tensorflow_told)


def told_json(capsys: Capture, *words: str) -> tuple[int, dict[str, str]]:
    """The exit code, and the verdict on each thing."""
    code = run(["doctor", "--json", *words])
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"verdict", "findings"}
    assert all(set(one) == {"part", "verdict", "what", "seen", "todo"} for one in told["findings"])
    found = {f"{one['part']}: {one['what']}": one["verdict"] for one in told["findings"]}
    return code, {"": told["verdict"], **found}


def test_all_is_well(given: Mapping[str, str], settings: Settings, capsys: Capture) -> None:
    folder = settings.storage_folder
    assert folder
    before = sorted(folder.rglob("*"))
    with redis.Redis.from_url(settings.redis_url) as client:
        client.delete("megabatch:reaper")  # which goes by itself
        keys = {key: client.dump(key) for key in client.scan_iter()}
        code, found = told_json(capsys)
        assert {key: client.dump(key) for key in client.scan_iter()} == keys
    assert (code, set(found.values())) == (exit_codes.DONE, {"ok"})
    parts = list(dict.fromkeys(name.partition(":")[0] for name in found if name))
    assert parts == [
        "settings", "broker", "workers", "storage", "clock", "space", "model", "gpu",
    ]  # fmt: skip
    assert sorted(folder.rglob("*")) == before


@pytest.mark.usefixtures("asked_once")
def test_people_are_shown_a_line_for_each(given: Mapping[str, str], capsys: Capture) -> None:
    assert run(["doctor"]) == exit_codes.DONE
    told = capsys.readouterr()
    head, *lines = told.out.splitlines()
    assert head.split() == ["VERDICT", "PART", "WHAT", "SEEN"]
    assert {line.split()[0] for line in lines} == {"ok"}
    seen = head.index("SEEN")
    assert all(line[seen - 1] == " " != line[seen] for line in lines)
    assert told.err.splitlines()[-1] == f"{len(lines)} findings; faults: 0, warnings: 0."


@pytest.mark.usefixtures("asked_once")
def test_a_warning_is_no_failure(
    given: Mapping[str, str], settings: Settings, capsys: Capture
) -> None:
    ring = open_key_ring(settings)
    ring.revoke(ring.keys()[0].id)
    code, found = told_json(capsys)
    assert (code, found[""]) == (exit_codes.DONE, "warning")


@pytest.mark.usefixtures("asked_once")
def test_a_fault_is_one_and_the_rest_is_examined(
    given: Mapping[str, str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:canary@127.0.0.1:{free_port()}/0")
    code, found = told_json(capsys)
    assert (code, found[""], found["broker: Redis"]) == (exit_codes.FAILED, "fault", "fault")
    assert found["storage: create-only"] == found["model: demo"] == found["gpu: devices"] == "ok"
    assert run(["doctor"]) == exit_codes.FAILED
    told = capsys.readouterr()
    assert "faults: 1, warnings: 1" in told.err and "canary" not in told.out + told.err


@pytest.mark.usefixtures("asked_once")
def test_no_secret_is_shown(
    given: Mapping[str, str],
    own_server: RedisServer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with redis.Redis.from_url(own_server.url) as client:
        client.config_set("requirepass", "canary-password")
    url = own_server.url.replace("//", "//:canary-password@")
    for name, text in (
        ("REDIS_URL", url),
        ("AZURE_STORAGE_ACCOUNT_NAME", "own"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "Y2FuYXJ5"),
        ("AZURE_STORAGE_ENDPOINT", f"http://127.0.0.1:{free_port()}/own"),
        ("MEGABATCH_STORAGE_URL", "az://user:canary-user@own?sig=canary-signature"),
    ):
        monkeypatch.setenv(name, text)
    for words in (["doctor"], ["doctor", "--json"]):
        assert run(words) == exit_codes.FAILED
        told = capsys.readouterr()
        assert "canary" not in told.out + told.err and "Y2FuYXJ5" not in told.out + told.err
        assert given["MEGABATCH_SECRET_KEYS"] not in told.out + told.err
        assert f"127.0.0.1:{own_server.port}/0 answers" in told.out


@pytest.mark.usefixtures("asked_once")
def test_another_model_is_looked_at(given: Mapping[str, str], capsys: Capture) -> None:
    code, found = told_json(capsys, "--model", "megadetector-v2")
    assert (code, found["model: megadetector-v2"]) == (exit_codes.FAILED, "fault")


@pytest.mark.parametrize("words", [["--model", "nowhere"], ["--data", "here"]])
def test_what_cannot_be_understood_is_not_examined(
    given: Mapping[str, str], capsys: Capture, words: list[str]
) -> None:
    assert run(["doctor", *words]) == exit_codes.USAGE
    assert capsys.readouterr().out == ""


def test_the_image_of_the_api_is_enough(
    given: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither TensorFlow nor NumPy is there; `blocked` takes our variables away, so a file has
    them.
    """
    for name in given:
        monkeypatch.delenv(name)
    data = tmp_path / "megabatch-data"
    data.mkdir()
    kept = {name: text for name, text in given.items() if "KEYS" not in name}
    (data / "settings.json").write_text(json.dumps(kept))
    monkeypatch.setenv("REDIS_URL", given["REDIS_URL"])
    ended = megabatch_without(DETECTION, tmp_path, "doctor", "--json")
    assert (ended.returncode, ended.stderr) == (exit_codes.DONE, "")
    told = json.loads(ended.stdout)["findings"]
    skipped = [one["part"] for one in told if one["seen"] == "not a detection host: skipped"]
    assert skipped == ["model", "gpu"]
