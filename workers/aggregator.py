"""Merging a job: stream its shard outputs into one results file, prove it, and commit it.

The commit is `final.json`, written create-only: of several merges the first to write it wins, and
only the files that it names are served. Memory holds a few shards, whatever the job's size.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from core.ahead import ahead
from core.catalog import Model, find_model
from core.deletion import shown_of
from core.image_list import decode_image_list
from core.job_folder import JobFolder, Plan
from core.job_store import Tally
from core.jobs import AcceptedJob, FinalRecord, utc_now
from core.lua_scripts import MAX_ERRORS
from core.results.versions import Version, known_version
from core.results.writer import build_info
from core.room import check_room
from workers.context import WorkerContext
from workers.damage import Damage, end_without_results, has_records
from workers.delivering import tell_of_end
from workers.final_record import Merged, final_record
from workers.lease_keeper import LeaseEnded, LeaseKeeper
from workers.merged_files import MergedFiles, ShardLines, lines_of, merged_files
from workers.shard_output import ShardRefused, prove
from workers.waits import wait_before_retry

logger = logging.getLogger(__name__)

#: Shards that are read and proven ahead of the writer.
_AHEAD = 4


class ProvenShard(msgspec.Struct, frozen=True):
    """A shard output that holds each listed image once and in order; None where it does not."""

    index: int
    lines: ShardLines | None
    tally: Tally = Tally(0)


class _Refused(Exception):
    """Shard outputs failed the proof; their shards have to run again."""

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__(indices)
        self.indices = indices


def merge_job(context: WorkerContext, job_id: str) -> None:
    """Merge a job whose turn it is. Does nothing when another worker does, or nobody need."""
    check_room(context.settings)
    lease = context.store.claim(job_id, "merge", context.worker)
    if lease is None:
        return
    try:
        with context.keep(lease) as keeper:
            _Merge(context, keeper).run()
    except LeaseEnded:
        logger.info("%s merge: no longer ours", job_id)
        context.store.release(lease)
    except Exception:
        context.store.fail(lease, wait_before_retry(lease.errors))
        raise


def settle(context: WorkerContext, final: FinalRecord) -> None:
    """Do what follows from a final record; done again, it changes nothing."""
    folder, store = context.folder, context.store
    folder.discard_results(final.id, but=final.paths)
    if not folder.retention.is_gone(final.id):
        job = shown_of(folder, final)
        folder.retention.schedule(job, final)
        if not store.finish(final):
            store.restore_ended(job, final)  # where Redis has lost it
            tell_of_end(context, job, final)
    folder.retire(final.id)


class _Merge:
    """One aggregator's work on one job."""

    def __init__(self, context: WorkerContext, keeper: LeaseKeeper) -> None:
        self._context, self._keeper = context, keeper
        self._folder, self._lease = context.folder, keeper.lease
        self._id = keeper.lease.job_id
        self._damage = Damage(self._id)

    def run(self) -> None:
        if self._gives_up and not has_records(self._folder, self._id):
            final = end_without_results(self._folder, self._context.store, self._id)
            settle(self._context, final)
            return
        try:
            final = self._folder.read_final(self._id)
        except FileNotFoundError:
            try:
                merged = self._merge()
            except _Refused as refusal:
                self._context.store.refuse(self._lease, refusal.indices)
                return
            final = self._folder.write_final(self._final(merged))
        settle(self._context, final)

    @property
    def _early(self) -> bool:
        """The job ends before all its shards are done; what is finished is merged."""
        return self._lease.cancelled or bool(self._lease.reason)

    @property
    def _gives_up(self) -> bool:
        """What cannot be read now could not be read several times before, and is left out."""
        return self._lease.errors >= MAX_ERRORS

    def _merge(self) -> Merged:
        """Write the files. Raises _Refused when shards have to run again."""
        self._job = self._folder.read_job(self._id)
        self._plan = self._read_plan()
        indices, refused = self._indices(), list[int]()
        with merged_files(self._folder, self._job) as files:
            self._begin(files)
            tally, shards = self._copy(files, indices, refused)
            self._delete_refused(refused)
            if refused and not self._early:
                # Left open, no file ever appears. Files of other merges are not ours to delete.
                raise _Refused(refused)
            results, handed_out = files.end()
        return Merged(
            results=results,
            files=handed_out,
            tally=tally,
            shards=shards,
            plan=self._plan,
            listing_over=self._listing_over,
            damage=self._damage.reason,
        )

    def _indices(self) -> Sequence[int]:
        """The shards to merge."""
        indices: Sequence[int] = range(self._plan.shards)
        if self._early:
            outputs = self._folder.shard_outputs(self._id)
            indices = [index for index in outputs if index < self._plan.shards]
        if self._gives_up:
            indices = [index for index in indices if self._has_image_list(index)]
        return indices

    def _has_image_list(self, index: int) -> bool:
        self._keeper.moved()
        try:
            decode_image_list(self._folder.read_image_list(self._id, index))
        except ValueError:
            self._damage.note(f"the image list of shard {index}")
            return False
        return True

    def _read_plan(self) -> Plan:
        self._listing_over = True
        try:
            return self._folder.read_plan(self._id)
        except FileNotFoundError:
            if not self._early:
                raise
        except ValueError:
            if not self._gives_up:
                raise
            self._damage.note("the plan")
        self._listing_over = False
        return self._plan_so_far()

    def _plan_so_far(self) -> Plan:
        """The plan of a job whose listing was never over, up to the last list that can be read."""
        for index in reversed(range(self._folder.count_image_lists(self._id))):
            try:
                position = self._folder.read_header(self._id, index).position
            except ValueError:
                self._damage.note(f"the image list of shard {index}")
            else:
                return Plan(images=position.images, shards=index + 1, skipped=position.skipped)
        return Plan(images=0, shards=0)

    def _begin(self, files: MergedFiles) -> None:
        request = self._job.request
        model = self._model()
        info = build_info(
            model,
            completed_at=utc_now(),
            detection_threshold=request.detection_threshold,
            preprocessing=request.preprocessing,
            truncated_images=request.truncated_images,
            custom=self._partial(),
        )
        files.begin(info, model.categories)

    def _partial(self) -> dict[str, Any] | None:
        """What the results say where they do not hold all images."""
        if not self._early and not self._damage:
            return None
        return {"partial": True, "images_listed": self._plan.images}

    def _model(self) -> Model:
        """The model of the job, with the checksum of each file that was run under its name."""
        model = find_model(self._job.request.model, self._context.settings.model_files)
        noted = self._folder.weights.noted(self._id)
        if len(noted) > 1:
            logger.warning("%s: workers had different files of %s", self._id, model.name)
        return msgspec.structs.replace(model, sha256=", ".join(noted))

    def _copy(
        self, files: MergedFiles, indices: Sequence[int], refused: list[int]
    ) -> tuple[Tally, int]:
        """Copy proven shards in order; what they add up to, and how many they are."""
        images, kept, shards, failures = 0, 0, 0, Counter[str]()
        for shard in proven_shards(self._folder, self._job, indices):
            self._keeper.moved()
            if shard.lines is None:
                refused.append(shard.index)
                continue
            files.write(shard.lines)
            images += shard.tally.images
            kept += shard.tally.kept
            failures.update(shard.tally.failures)
            shards += 1
        return Tally(images, dict(sorted(failures.items())), kept), shards

    def _delete_refused(self, refused: Sequence[int]) -> None:
        for index in refused:
            logger.error("%s: the output of shard %d failed the proof", self._id, index)
            self._folder.delete_shard_output(self._id, index)

    def _final(self, merged: Merged) -> FinalRecord:
        job = self._context.store.get(self._id)
        started_at = job.started_at if job else None
        work = self._folder.work.total(self._id)
        return final_record(self._job, self._lease, merged, started_at, work)


def proven_shards(
    folder: JobFolder, job: AcceptedJob, indices: Sequence[int]
) -> Iterator[ProvenShard]:
    """The shards in order, read and proven a few ahead of their turn."""
    version = known_version(job.request.format_version)

    def prove_shard(index: int) -> ProvenShard:
        return _prove_shard(folder, job, index, version)

    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="merge") as pool:
        yield from ahead(pool, prove_shard, indices, _AHEAD + 1)


def _prove_shard(folder: JobFolder, job: AcceptedJob, index: int, version: Version) -> ProvenShard:
    images = decode_image_list(folder.read_image_list(job.id, index))
    try:
        output = folder.read_shard_output(job.id, index)
        proof = prove(output, images, job.request.strip_prefix)
    except (FileNotFoundError, ShardRefused):
        return ProvenShard(index, None)
    return ProvenShard(index, lines_of(output, images, proof.failed, version), proof.tally)
