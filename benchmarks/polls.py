"""What a poll costs, and whether those who poll too much leave room for the others.

    python -m benchmarks.polls [clients]

A real API process on a real Redis and a local storage. First one client polls a running job and
the processor time of the API is divided by the polls, in turns with `/healthz`, which asks nothing
of anybody: what that costs is gunicorn's and Flask's. Then so many clients (200) poll as fast as
they can over connections of their own, while another caller submits jobs and downloads a results
file of 20 MB; the same is done without the clients, and the two are compared.
"""

import asyncio
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import urllib3

from benchmarks._service import (
    cpu_seconds,
    family,
    prepared_system,
    running_redis,
    service_settings,
)
from core.config import Settings
from core.job_folder import open_job_folder
from core.job_store import JobStore
from core.jobs import JobStatus
from core.key_ring import open_key_ring
from core.keys import Scope
from core.queue import open_job_store
from tests.factories import final_record
from tests.fixtures.system import System

_ROUNDS, _POLLS = 12, 200  # all in all fewer than the requests of a minute
_TIMES = 30
_RESULTS_BYTES = 20_000_000
_SCOPES = (Scope.SUBMIT, Scope.READ)


class Client:
    """One caller's requests, over one connection."""

    def __init__(self, system: System, key: str) -> None:
        self._url = system.url
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._http = urllib3.PoolManager(retries=False, timeout=30)

    def submit(self, container: str) -> str:
        body = json.dumps({"container_url": container}).encode()
        answer = self._http.request(
            "POST", f"{self._url}/v1/jobs", body=body, headers=self._headers
        )
        if answer.status != 202:
            raise RuntimeError(f"submission was answered {answer.status}: {answer.data!r}")
        job_id: str = answer.json()["id"]
        return job_id

    def get(self, path: str) -> int:
        answer = self._http.request("GET", self._url + path, headers=self._headers)
        return answer.status


def costs(system: System, client: Client, paths: list[str]) -> list[list[float]]:
    """Milliseconds of the API's processor time a request, of each path in each round."""
    pids = family(system.processes["api"].pid)
    found: list[list[float]] = [[] for _ in paths]
    for _ in range(_ROUNDS):
        for path, each in zip(paths, found, strict=True):
            before = cpu_seconds(pids)
            statuses = {client.get(path) for _ in range(_POLLS)}
            if statuses != {200}:
                raise RuntimeError(f"{path} was answered {statuses}")
            each.append(1000 * (cpu_seconds(pids) - before) / _POLLS)
    return found


def tell_costs(system: System, client: Client, job_id: str) -> None:
    polls, nothing = costs(system, client, [f"/v1/jobs/{job_id}", "/healthz"])
    ratio = statistics.median(polls) / statistics.median(nothing)
    print(
        f"a poll costs {statistics.median(polls):.2f} ms of processor time "
        f"({min(polls):.2f} to {max(polls):.2f}), {ratio:.1f} times as much as /healthz",
        flush=True,
    )


def median_ms(work: Callable[[], object]) -> tuple[float, float]:
    """Median and largest of so many runs, ms."""
    taken = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken), max(taken)


@contextmanager
def greedy(system: System, keys: list[str], job_id: str) -> Iterator["multiprocessing.Queue[int]"]:
    """One client a key, each polling as fast as it can, in a process of their own."""
    context = multiprocessing.get_context("spawn")
    answered: multiprocessing.Queue[int] = context.Queue()
    stop = context.Event()
    process = context.Process(target=_poll_all, args=(system.port, keys, job_id, stop, answered))
    process.start()
    answered.get()  # they have begun
    try:
        yield answered
    finally:
        stop.set()
        process.join()


def _poll_all(port: int, keys: list[str], job_id: str, stop: object, answered: object) -> None:
    asyncio.run(_poll(port, keys, job_id, stop, answered))


async def _poll(port: int, keys: list[str], job_id: str, stop: object, answered: object) -> None:
    counts: dict[str, int] = {}
    tasks = [asyncio.create_task(_client(port, key, job_id, stop, counts)) for key in keys]
    await asyncio.sleep(1)
    answered.put(0)  # type: ignore[attr-defined]
    await asyncio.gather(*tasks)
    print(f"   answers to the greedy: {dict(sorted(counts.items()))}", flush=True)


async def _client(port: int, key: str, job_id: str, stop: object, counts: dict[str, int]) -> None:
    request = (
        f"GET /v1/jobs/{job_id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {key}\r\n\r\n"
    ).encode()
    while not stop.is_set():  # type: ignore[attr-defined]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while not stop.is_set():  # type: ignore[attr-defined]
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                status = head.split()[1].decode()
                counts[status] = counts.get(status, 0) + 1
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.01)  # the connection was closed; as a script would, try again


def finished_job(settings: Settings, store: JobStore, client: Client, container: str) -> str:
    """A job that has ended, with a results file to download."""
    folder = open_job_folder(settings)
    job_id = client.submit(container)
    store.cancel(job_id)
    path = folder.results_path(job_id, "bench")
    with folder.results_writer(path) as writer:
        writer.write(b"x" * _RESULTS_BYTES)
    final = final_record(job_id, status=JobStatus.CANCELLED, results=path)
    folder.write_final(msgspec.structs.replace(final, results_bytes=_RESULTS_BYTES))
    store.finish(final)
    return job_id


def compare(system: System, clients: int, settings: Settings, container: str) -> None:
    ring = open_key_ring(settings)
    other = Client(system, ring.create("other", _SCOPES))
    store = open_job_store(settings, socket_timeout=5)
    done = finished_job(settings, store, other, container)
    polled = Client(system, ring.create("greedy", _SCOPES)).submit(container)

    def measure() -> dict[str, tuple[float, float]]:
        return {
            "submission": median_ms(lambda: other.submit(container)),
            "download of 20 MB": median_ms(lambda: other.get(f"/v1/jobs/{done}/results")),
        }

    alone = measure()
    keys = [ring.create("greedy", _SCOPES) for _ in range(clients)]
    with greedy(system, keys, polled):
        crowded = measure()
    for what, (median, longest) in crowded.items():
        ratio = median / alone[what][0]
        print(f"   {what}: {median:.0f} ms (longest {longest:.0f}), {ratio:.1f} times as alone")


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as place, running_redis(Path(place)) as redis:
        settings = service_settings(Path(place), redis)
        container = Path(place) / "images"
        container.mkdir()
        (container / "a.jpg").write_bytes(b"x")
        with prepared_system(settings, Path(place)) as system:
            key = open_key_ring(settings).create("poller", _SCOPES)
            system.start_api()
            client = Client(system, key)
            tell_costs(system, client, client.submit(str(container)))
            print(f"{clients} clients that poll as fast as they can:", flush=True)
            compare(system, clients, settings, str(container))


if __name__ == "__main__":
    main()
