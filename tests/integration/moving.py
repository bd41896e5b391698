"""Systems that are stopped, copied and started elsewhere, and what was detected how often."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from core.image_list import decode_image_list
from core.jobs import JobStatus
from tests.fixtures.system import HASH_WORKER, System
from tests.torture.notes import NOTES, digest_of_file

#: The hash worker of the attack, which notes what it detects.
_NOTING_WORKER = [
    word.replace("tests.hash_worker", "tests.torture.noting_worker") for word in HASH_WORKER
]
WORKERS = ("one", "two")


def start_all(system: System, notes: Path, *, delay: float = 0) -> None:
    """API, control worker and two detection workers that note what they detect."""
    system.environment |= {"HASH_DETECTOR_DELAY": str(delay), NOTES: str(notes)}
    system.start_control()
    for name in WORKERS:
        start_worker(system, name)
    system.start_api()
    system.wait_until(lambda: system.live_workers() == len(WORKERS), "the workers live")


def start_worker(system: System, name: str) -> None:
    system.start(name, *_NOTING_WORKER)


def finished(storage: Path, job_id: str) -> list[str]:
    """The images of those shards of a job whose outputs stand in a local storage."""
    folder = storage / "jobs" / job_id
    lists = [folder / "images" / output.name for output in (folder / "shards").iterdir()]
    return [image.name for path in lists for image in decode_image_list(path.read_bytes())]


def times_detected(notes: Path, pictures: Mapping[str, bytes], names: Collection[str]) -> set[int]:
    """How often each of these pictures was detected."""
    noted = Counter(notes.read_text().split())
    return {noted[digest_of_file(pictures[name])] for name in names}


def files_first(folder: Path) -> Iterator[Path]:
    """All files below a folder, in the order in which rsync comes to them.

    That is, a folder's own files before those of the folders in it; each folder is looked at when
    it is come to.
    """
    with suppress(FileNotFoundError):
        for entry in sorted(os.scandir(folder), key=lambda one: (one.is_dir(), one.name)):
            yield from files_first(Path(entry)) if entry.is_dir() else [Path(entry)]


def copy_what_is_new(
    storage: Path, target: Path, order: Callable[[Path], Iterator[Path]] = files_first
) -> int:
    """One pass of a copy while jobs run; how many files it added. What vanishes is passed over."""
    added = 0
    for path in order(storage):
        place = target / path.relative_to(storage)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                place.write_bytes(path.read_bytes())
                added += 1
    return added


def shards_done(system: System, job_id: str) -> int:
    done: int = system.job(job_id)["progress"]["shards_done"]
    return done


def is_known(system: System, job_id: str) -> bool:
    """Whether a job is no longer being restored."""
    status = system.refusal("GET", f"/v1/jobs/{job_id}")
    assert status in (None, 503), status
    return status is None


def ended_well(system: System, job_id: str) -> bool:
    system.wait_until(lambda: is_known(system, job_id), f"job {job_id} is known")
    return bool(system.wait(job_id)["status"] == JobStatus.COMPLETED)
