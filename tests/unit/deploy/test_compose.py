"""compose.yaml: what Compose itself makes of it fits the code and the images."""

from pathlib import Path

import pytest

from cli.client import DEFAULT_SERVICE
from core.config import read_settings
from core.queue import create_celery
from tests.azurite_server import VERSION
from tests.unit.deploy.reading import DEPLOY, Fields, composed, dockerfile, printed
from tests.unit.deploy.test_commands import check_command

FILES = ("compose.yaml",)
GPU = ("compose.yaml", "compose.gpu.yaml")
OURS = {"api", "control", "models", "detection"}


@pytest.fixture
def services(tmp_path: Path) -> dict[str, Fields]:
    named: dict[str, Fields] = composed(tmp_path, *FILES)["services"]
    return named


def test_all_parts_are_there(services: dict[str, Fields]) -> None:
    assert set(services) == OURS | {"redis", "azurite", "prometheus"}
    apart = {name for name, one in services.items() if one.get("profiles")}
    assert apart == {"azurite", "prometheus"}


def test_commands_are_those_of_the_code(services: dict[str, Fields]) -> None:
    for name in OURS - {"api"}:
        check_command(services[name]["command"])
    check_command(services["control"]["healthcheck"]["test"][1:])


def test_the_detection_worker_runs_the_model_that_is_fetched(tmp_path: Path) -> None:
    named = composed(tmp_path, *FILES, settings="MEGABATCH_DEFAULT_MODEL=demo")["services"]
    assert named["models"]["command"][-1] == "demo" == named["detection"]["command"][-1]
    assert named["api"]["environment"]["MEGABATCH_DEFAULT_MODEL"] == "demo"


def test_every_service_gets_the_settings(tmp_path: Path) -> None:
    named = composed(tmp_path, *FILES, settings="MEGABATCH_LIVE_JOBS=7")["services"]
    read = {name: read_settings(named[name]["environment"]) for name in OURS}
    assert {one.live_jobs for one in read.values()} == {7}
    assert {one.redis_url for one in read.values()} == {"redis://:secret@redis:6379/0"}
    assert {one.storage_url for one in read.values()} == {"file:///data"}


def test_a_second_worker_gets_the_second_gpu_alone(tmp_path: Path) -> None:
    (tmp_path / "second.yaml").write_text(printed("detection-2"))
    named = composed(tmp_path, *GPU, "second.yaml")["services"]
    first, second = named["detection"], named["detection-2"]
    (device,) = second["deploy"]["resources"]["reservations"]["devices"]
    assert device["device_ids"] == ["1"] and "count" not in device
    for field in ("image", "command", "environment", "volumes", "build"):
        assert second[field] == first[field]


def test_what_somebody_sets_goes_before(tmp_path: Path) -> None:
    chosen = "MEGABATCH_STORAGE_URL=az://jobs\nMEGABATCH_ALLOWED_ROOTS=/pictures/a"
    named = composed(tmp_path, *FILES, settings=chosen)["services"]
    read = read_settings(named["api"]["environment"])
    assert (read.storage_url, read.allowed_roots) == ("az://jobs", (Path("/pictures/a"),))


def test_without_a_password_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="set REDIS_PASSWORD in"):
        composed(tmp_path, *FILES, settings="REDIS_PASSWORD=")


def test_what_is_written_to_is_mounted(services: dict[str, Fields]) -> None:
    for name in OURS:
        one = services[name]
        assert one["read_only"] and one["cap_drop"] == ["ALL"]
        volumes = {volume["target"] for volume in one["volumes"]}
        tmpfs = {entry.partition(":")[0] for entry in one.get("tmpfs", ())}
        assert "/tmp" in volumes | tmpfs
        assert {"/data"} <= volumes or name == "models"
        weights = [volume for volume in one["volumes"] if volume["target"] == "/models"]
        assert len(weights) == (name in ("models", "detection"))
        assert [volume for volume in weights if volume.get("read_only", False)] == (
            weights if name == "detection" else []
        )


def test_pictures_are_never_written(services: dict[str, Fields]) -> None:
    for name in ("api", "control", "detection"):
        (pictures,) = (one for one in services[name]["volumes"] if one["target"] == "/pictures")
        assert pictures["read_only"]


def test_services_get_the_time_that_they_take_to_stop(services: dict[str, Fields]) -> None:
    settings = read_settings({"MEGABATCH_STORAGE_URL": "file:///data"})
    taken = create_celery(settings, socket_timeout=1).conf.worker_soft_shutdown_timeout
    assert {services[name]["stop_grace_period"] for name in OURS} == {"1m0s"}
    assert taken + 20 < 60


def test_the_api_listens_where_commands_look_for_it(services: dict[str, Fields]) -> None:
    (port,) = services["api"]["ports"]
    assert f"http://{port['host_ip']}:{port['published']}" == DEFAULT_SERVICE
    assert ("EXPOSE", str(port["target"])) in dockerfile("api.Dockerfile")


def test_each_service_of_ours_has_an_image_that_can_be_built(tmp_path: Path) -> None:
    for files, target in ((FILES, "cpu"), (GPU, "gpu")):
        named = composed(tmp_path, *files)["services"]
        for name in OURS:
            build = named[name]["build"]
            assert (DEPLOY.parent / build["dockerfile"]).is_file()
            assert build.get("target", target) == target


def test_a_gpu_is_reserved_for_the_detection_worker_alone(tmp_path: Path) -> None:
    named = composed(tmp_path, *GPU)["services"]
    wanting = {name for name, one in named.items() if "deploy" in one}
    assert wanting == {"detection"}
    reserved = named["detection"]["deploy"]["resources"]["reservations"]["devices"]
    assert reserved == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert named["models"]["image"] == named["detection"]["image"] == "megabatch-worker-gpu"


def test_azurite_is_the_one_of_the_tests(services: dict[str, Fields]) -> None:
    assert services["azurite"]["image"].rpartition(":")[2] == VERSION
    assert "--disableTelemetry" in services["azurite"]["command"]
