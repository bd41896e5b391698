"""What must be so when a run is over: told by its storage, its Redis and its trace.

What the results must be follows from the pictures alone.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
import redis

from core.catalog import DEMO
from core.job_reader import PREFIX
from core.jobs import FileKind, FinalRecord, JobStatus, Progress, StoredFile
from core.webhooks import Attempt
from tests.faults.clients import OWN_WEIGHTS
from tests.faults.faults import Call, Fault, Run, Strike, files_of_job, read_trace
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import MENDED, PICTURES, struck
from tests.faults.watcher import CLAIM, RENEW, WRITER
from tests.integration.oracle import expected_images

_SHARD = 2
_WRITE = "JobFolder.write_shard_output"
#: A plain job calls these with a lease in its hands, which others can take from it.
_WITH_LEASE = frozenset(
    [
        *("JobFolder.write_image_list", "JobFolder.write_plan", "JobFolder.write_final"),
        *(_WRITE, WRITER, "JobStore.planned", "JobStore.listed"),
    ]
)
#: Whoever sleeps so long may write an output when the results stand already.
_LATE = (Fault.OVERTAKEN, Fault.OVERSLEPT)


def problems(run: Run, client: redis.Redis) -> list[str]:
    """What is not as it must be, in words."""
    verdict = _Verdict(run, client)
    checks = [verdict.trace(), verdict.live()]
    if SCENARIOS[run.scenario].vanishes:
        checks.append(verdict.nothing_left())
    else:
        checks += [verdict.ended(), verdict.results(), verdict.work(), verdict.webhook()]
    return [problem for check in checks for problem in check]


def _differ(what: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{what}: {found!r}, and not {expected!r}"


class _Verdict:
    """On one run. Each check yields what is wrong."""

    def __init__(self, run: Run, client: redis.Redis) -> None:
        self._run, self._client = run, client
        self._scenario = SCENARIOS[run.scenario]
        self._storage = run.folder / "storage"
        self._folder = self._storage / "jobs" / run.job_id
        self._fault = run.strike.fault if run.strike else None
        images = expected_images(MENDED if self._scenario.mended else PICTURES)
        #: The shards: of each image its line in the results.
        self._shards = [images[at : at + _SHARD] for at in range(0, len(images), _SHARD)]

    def live(self) -> Iterator[str]:
        """Nobody has to look after the job any more."""
        live = self._storage / "live"
        yield from _differ("live/", list(live.iterdir()) if live.exists() else [], [])
        for key in ("live", "urgent", "deliveries"):
            yield from _differ(f"Redis's {key}", self._client.zcard(PREFIX + key), 0)
        keys = self._client.keys(f"{PREFIX}job:{self._run.job_id}:*")
        yield from _differ("leases and the like", keys, [])

    def nothing_left(self) -> Iterator[str]:
        """The job was deleted, and is forgotten."""
        yield from _differ("files", files_of_job(self._run), [])
        yield from _differ("jobs of Redis", self._client.zcard(f"{PREFIX}jobs"), 0)
        yield from _differ("Redis's job", self._hash("job:" + self._run.job_id), {})

    def ended(self) -> Iterator[str]:
        """Redis and our storage tell the same of the end of the job, and it ended once."""
        final, job = self._final(), self._hash("job:" + self._run.job_id)
        if final.status not in self._scenario.statuses:
            yield f"the job is {final.status}: {final.reason}"
        yield from _differ("Redis's status", job["status"], final.status)
        progress = msgspec.json.decode(job["progress"], type=Progress)
        yield from _differ("Redis's progress", progress, final.progress)
        if final.status is JobStatus.COMPLETED and "shards_done" in job:
            counted = [int(job.get(name, 0)) for name in ("shards_done", "images_done")]
            yield from _differ("what was counted", counted, [3, 6])
        if self._fault is not Fault.WIPED:
            ends = self._hash("counters").get(f"jobs {final.status}")
            yield from _differ("ends", ends, "1")
        due = sorted(path.suffix for path in self._storage.glob(f"due/*/*{self._run.job_id}.*"))
        yield from _differ("what is due", due, [".expiring", ".job", ".parts"])

    def results(self) -> Iterator[str]:
        """Each file that counts stands and no other; whole shards, in order, to the byte."""
        final = self._final()
        stand = {str(path.relative_to(self._storage)) for path in self._folder.glob("results/*")}
        yield from _differ("results files", stand, set(final.paths))
        for file in final.files.values():
            yield from self._whole(file)
        merged = list(self._merged(final))
        yield from _differ("merged shards", merged, list(self._finished(merged)))
        images = [image for index in merged for image in self._shards[index]]
        yield from _differ("lines", self._lines(final), [_line(image) for image in images])
        names = [image["file"] for image in images]
        failed = [image["file"] for image in images if "failure" in image]
        yield from _differ("image list", self._json(final, FileKind.IMAGE_LIST), names)
        yield from _differ("failed images", self._json(final, FileKind.FAILED_IMAGES), failed)
        yield from self._counts(final, len(merged), len(images), len(failed))
        yield from self._opening(final)

    def work(self) -> Iterator[str]:
        """What was read of each image that is not taken over was noted; all of it, if again."""
        final = self._final()
        if final.status is not JobStatus.COMPLETED:
            return
        read = [MENDED["bad.jpg"]] if self._scenario.kept else PICTURES.values()
        least, noted = sum(map(len, read)), final.work.bytes
        once = self._run.scenario == "plain" and self._fault is None
        if noted < least or (once and noted > least):
            yield f"bytes that were read: {noted}, and not {least}"

    def webhook(self) -> Iterator[str]:
        folder = self._folder / "webhooks"
        if self._run.scenario == "webhook unwanted":
            yield from _differ("disabled", (folder / "disabled").exists(), True)
        if self._run.scenario == "webhook told":
            read = msgspec.json.Decoder(Attempt).decode
            attempts = [read(path.read_bytes()) for path in folder.glob("*.json")]
            told = {attempt.event for attempt in attempts if attempt.delivered}
            if self._fault is not Fault.WIPED:
                yield from _differ("told", told, {"job.started", "job.completed"})
            elif "job.completed" not in told:
                yield "nobody was told of the end"

    def trace(self) -> Iterator[str]:
        """The fault struck; what was finished is not begun again, and leases are respected."""
        strike, trace = self._run.strike, read_trace(self._run.folder)
        if strike is None:
            return
        place = struck(trace)
        if place is None:
            yield "the fault did not strike once"
            return
        before, after = trace[:place], trace[place:]
        if strike.fault is Fault.WIPED and self._run.scenario != "output damaged":
            yield from _begun_again(before, after)
        elif strike.fault is Fault.OVERTAKEN and strike.method == RENEW:
            yield from _lease_lost(after)
        elif strike.fault is Fault.OVERTAKEN and self._holds_a_lease(strike):
            yield from _lease_taken(before, after)

    def _holds_a_lease(self, strike: Strike) -> bool:
        return self._run.scenario == "plain" and strike.method in _WITH_LEASE

    def _finished(self, merged: list[int]) -> list[int]:
        """The shards that had to be merged."""
        stand = [int(path.stem) for path in sorted(self._folder.glob("shards/*"))]
        if JobStatus.COMPLETED in self._scenario.statuses:
            return list(range(len(self._shards)))
        return [index for index in stand if index in merged] if self._fault in _LATE else stand

    def _merged(self, final: FinalRecord) -> Iterator[int]:
        """The shards whose first image is in the results."""
        names = self._json(final, FileKind.IMAGE_LIST)
        for index, shard in enumerate(self._shards):
            if shard[0]["file"] in names:
                yield index

    def _whole(self, file: StoredFile) -> Iterator[str]:
        data = (self._storage / file.path).read_bytes()
        found = len(data), hashlib.sha256(data).hexdigest()
        yield from _differ(f"size and digest of {file.path}", found, (file.bytes, file.digest))

    def _lines(self, final: FinalRecord) -> list[bytes]:
        assert final.results
        data = (self._storage / final.results).read_bytes()
        _, _, images = data.partition(b'"images": [\n')
        return [line.removesuffix(b",") for line in images.split(b"\n")[:-3]]

    def _counts(self, final: FinalRecord, shards: int, images: int, failed: int) -> Iterator[str]:
        """What the job is said to have come to."""
        told, progress = final.progress, Progress()
        if JobStatus.COMPLETED in self._scenario.statuses:
            kept = self._scenario.kept
            progress = Progress(listing_over=True, images=6, shards=3, images_kept=kept)
            progress = msgspec.structs.replace(progress, skipped={".txt": 1})
        else:
            # How far listing came depends on the moment.
            names = ("listing_over", "images", "shards", "skipped")
            here = {name: getattr(told, name) for name in names}
            progress = msgspec.structs.replace(progress, **here)
        progress = msgspec.structs.replace(
            progress,
            shards_done=shards,
            images_done=images,
            images_failed=failed,
            failures={"not_an_image": failed} if failed else {},
        )
        yield from _differ("progress", told, progress)

    def _opening(self, final: FinalRecord) -> Iterator[str]:
        """What stands before the images."""
        assert final.results
        results: Any = msgspec.json.decode((self._storage / final.results).read_bytes())
        yield from _differ("categories", results["detection_categories"], DEMO.categories)
        if self._run.scenario == "own weights":
            weights = (self._run.folder.parent / OWN_WEIGHTS).read_bytes()
            told = results["info"]["custom_metadata"]["megabatch"].get("model_sha256")
            yield from _differ("weights", told, hashlib.sha256(weights).hexdigest())

    def _json(self, final: FinalRecord, kind: FileKind) -> Any:
        return msgspec.json.decode((self._storage / final.files[kind].path).read_bytes())

    def _final(self) -> FinalRecord:
        return msgspec.json.decode((self._folder / "final.json").read_bytes(), type=FinalRecord)

    def _hash(self, key: str) -> dict[str, str]:
        return {k.decode(): v.decode() for k, v in self._client.hgetall(PREFIX + key).items()}


def _line(image: dict[str, Any]) -> bytes:
    return msgspec.json.encode(image)


def _begun_again(before: list[Call], after: list[Call]) -> Iterator[str]:
    """What was finished when Redis was emptied is found, and not claimed."""
    finished = {call.about for call in before if call.method == _WRITE}
    begun = {call.about for call in after if call.outcome == "leased"}
    yield from _differ("shards done again", finished & begun, set())


def _lease_lost(after: list[Call]) -> Iterator[str]:
    """Whose lease was taken is told so when it renews it, and writes nothing."""
    own = [call for call in after if call.process == 0]
    renewals = {call.outcome for call in own if call.method == RENEW}
    yield from _differ("renewals of a lease that another has", renewals, {"lost"})
    yield from _differ("who lost it wrote", any(call.method == _WRITE for call in own), False)


def _lease_taken(before: list[Call], after: list[Call]) -> Iterator[str]:
    """Nobody gets the unit of a sleeper while its lease lives, and then somebody does."""
    held = [call.about for call in before if call.outcome == "leased"][-1]
    others = [call for call in after if call.process == 1 and call.method == CLAIM]
    claims = [call.outcome for call in others if call.about == held]
    yield from _differ("claims of what a sleeper holds", claims[:2], ["refused", "leased"])
