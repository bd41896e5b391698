"""A whole stack from `deploy/.env.example` and compose.yaml, its detection workers far apart.

Everything is started by the commands and with the variables that Compose would give it. What the
machines have in common is Redis and Azure over TCP, and the code.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen
from uuid import uuid4

import msgspec
import pytest
import redis
from PIL import Image

from core.job_reader import PREFIX
from core.results.validator import validate
from detection.detector import Detector
from tests.azurite_server import KEY, Azurite
from tests.fixtures.redis_server import free_port
from tests.integration.machines import (
    Machine,
    Service,
    filled_example,
    have_own_names,
    read_service,
)
from tests.integration.oracle import expected_images
from tests.integration.test_photographs import SHOWN, photograph
from tests.pictures import encoded
from tests.unit.deploy.reading import Fields, composed_by
from tests.unit.deploy.test_redis import server

pytestmark = pytest.mark.integration

OURS = ("api", "control", "models", "detection")
#: Shards are of 16 at the least: each worker has several.
IMAGES = 96


def views() -> dict[str, bytes]:
    """Small JPEGs, no two alike, of what photographs show."""
    shown = [photograph(name).resize((320, 240)) for name in SHOWN]
    return {
        f"camera/{n:03d}.jpg": encoded(_view(shown[n % len(shown)], n // len(shown)))
        for n in range(IMAGES)
    }


def _view(image: Image.Image, margin: int) -> Image.Image:
    return image.crop((margin, margin, image.width - margin, image.height - margin))


class Stack:
    """The service of one `.env`. Nothing of it runs yet but its Redis."""

    def __init__(self, folder: Path, values: dict[str, str], around: ExitStack) -> None:
        """What is started ends with `around`."""
        self._folder, self._around = folder, around
        self.machines: list[Machine] = []
        (folder / "deploy").mkdir()
        env = filled_example({**values, "LISTEN": f"127.0.0.1:{free_port()}"})
        found = composed_by(env, folder / "deploy", "compose.yaml")
        self._redis_port = self._start_redis(found)
        named: dict[str, Fields] = found["services"]
        (self._published,) = named["api"]["ports"]
        self.url = f"http://{self._published['host_ip']}:{self._published['published']}"
        self.services = {name: self._reachable(read_service(named[name])) for name in OURS}
        self.redis_url = self.services["api"].environment["REDIS_URL"]

    def _start_redis(self, found: Fields) -> int:
        conf = self._folder / "deploy/redis.conf"
        conf.write_text(found["configs"]["redis"]["content"])
        return self._around.enter_context(server([str(conf)], self._folder))

    def _reachable(self, service: Service) -> Service:
        """The service, with what it finds by Compose's network where it is here."""
        here = {
            "0.0.0.0": self._published["host_ip"],
            str(self._published["target"]): self._published["published"],
        }
        url = service.environment["REDIS_URL"]
        assert "@redis:6379/" in url
        return Service(
            [here.get(word, word) for word in service.command],
            [word.replace(":8080/", f":{here['8080']}/") for word in service.health],
            {
                **service.environment,
                "REDIS_URL": url.replace("@redis:6379/", f"@127.0.0.1:{self._redis_port}/"),
            },
        )

    def machine(self, name: str) -> Machine:
        machine = Machine(name, self._folder)
        self._around.callback(machine.stop)
        self.machines.append(machine)
        return machine

    def wait_until_well(self, machine: Machine, service: Service) -> None:
        """Until the health check of the service's container says so."""
        self._wait(partial(machine.is_well, service), f"{machine.name} is well")

    def logs(self) -> str:
        return "\n".join(
            f"== {one.name}\n{one.log.read_text()}" for one in self.machines if one.log.exists()
        )

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 90
        while not holds():
            if time.monotonic() > end:
                pytest.fail(f"waited in vain until {what}\n{self.logs()}")
            time.sleep(0.2)


@pytest.fixture
def stack(tmp_path: Path, azurite: Azurite) -> Iterator[Stack]:
    jobs = f"stack-{uuid4().hex[:8]}"
    azurite.create_container(jobs)
    values = {
        "REDIS_PASSWORD": secrets.token_hex(24),
        "MEGABATCH_SECRET_KEYS": new_secret_key(tmp_path),
        "MEGABATCH_STORAGE_URL": f"az://{jobs}",
        "MEGABATCH_ALLOWED_PRIVATE_RANGES": "127.0.0.0/8",
        "MEGABATCH_DEFAULT_MODEL": "demo",
        **azurite.variables,
    }
    with ExitStack() as around:
        yield Stack(tmp_path, values, around)


def new_secret_key(folder: Path) -> str:
    """What `docker compose run --rm --no-deps api megabatch secret-key` prints."""
    return printed(Machine("bare", folder), Service([], [], {}), "megabatch", "secret-key")


def printed(machine: Machine, service: Service, *command: str, text: str = "") -> str:
    """What a command prints that is run as `docker compose exec` runs it."""
    ended = machine.run(service, command, text)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def start_detection(stack: Stack, name: str, weights: Path) -> Machine:
    """A machine with one detection worker, and weights that it fetched for itself."""
    machine, models = stack.machine(name), stack.services["models"]
    printed(machine, models, *models.command, "--from", str(weights))
    machine.start(stack.services["detection"])
    return machine


def shards_of(stack: Stack) -> dict[str, str]:
    """Each detection worker that runs, and the job whose shard it took last."""
    with redis.Redis.from_url(stack.redis_url, decode_responses=True) as client:
        assert client.hget(f"{PREFIX}counters", "leases_lost shard") is None
        taken = client.hgetall(f"{PREFIX}holding")
    return {worker: msgspec.json.decode(last)[0] for worker, last in taken.items()}


def submit(stack: Stack, office: Machine, url: str) -> tuple[str, Path]:
    """What an operator does to have a first job done; the API key, and the results file."""
    api = stack.services["api"]
    key = printed(office, api, "megabatch", "keys", "create", "--caller", "me")
    client = Service([], [], {"MEGABATCH_API_KEY": key, "MEGABATCH_SERVICE": stack.url})
    results = office.place("/tmp") / "results.json"
    printed(office, client, "megabatch", "submit", "-", "-o", str(results), text=url)
    return key, results


@pytest.mark.timeout(180)
def test_detection_workers_that_share_nothing_but_redis_and_azure(
    stack: Stack, azurite: Azurite, demo_model: Path, demo_detector: Detector
) -> None:
    pictures, container = views(), f"pictures-{uuid4().hex[:8]}"
    azurite.create_container(container, pictures)
    # Given: an API and a control worker on one machine, detection workers on two others.
    office = stack.machine("office")
    office.start(stack.services["api"])
    office.start(stack.services["control"])
    fields = [start_detection(stack, name, demo_model) for name in ("north", "south")]
    stack.wait_until_well(office, stack.services["api"])
    stack.wait_until_well(office, stack.services["control"])
    for machine in fields:
        stack.wait_until_well(machine, stack.services["detection"])
    if have_own_names():
        assert not stack.machine("east").is_well(stack.services["detection"])
    with urlopen(f"{stack.url}/readyz", timeout=20) as ready:
        assert set(json.load(ready)["checks"].values()) == {"ok"}
    # When
    key, file = submit(stack, office, azurite.container_url(container))
    # Then: both had a part in it, and it is what one detector finds here.
    assert validate(file).faults == []
    found = json.loads(file.read_text())["images"]
    assert found == expected_images(pictures, detector=demo_detector)
    assert len({detection["category"] for one in found for detection in one["detections"]}) == 3
    taken = shards_of(stack)
    assert len(taken) == len(fields) and len(set(taken.values())) == 1
    if have_own_names():
        assert {worker.partition("-")[0] for worker in taken} == {one.name for one in fields}
    password = urlsplit(stack.redis_url).password
    assert password and not any(secret in stack.logs() for secret in (password, KEY, key))
