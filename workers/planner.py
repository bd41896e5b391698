"""Planning a job: list its images page by page, and write the chain of image lists.

Each image list is written create-only and says how far listing was, so a planner that died is
continued from the last list there is, and two planners cannot write different chains.
"""

import itertools
import logging
from collections.abc import Iterator
from contextlib import closing

from core.containers.azure_errors import NEEDS_FRESH_URL
from core.containers.listing import Container, Page
from core.containers.names import add_skipped
from core.errors import (
    AccessRevoked,
    InvalidRequest,
    MegaBatchError,
)
from core.image_list import (
    ImageListHeader,
    ListingPosition,
    decode_header,
    decode_image_list,
    encode_image_list,
)
from core.job_folder import Plan
from core.jobs import AcceptedJob
from core.lease import Lease
from core.room import check_room
from workers.access import give_back_refused
from workers.context import WorkerContext
from workers.lease_keeper import LeaseEnded, LeaseKeeper
from workers.recovery import count_outputs
from workers.selection import (
    ExplicitList,
    beyond,
    check_still_there,
    first,
    images_alone,
    refuse_small,
    sample,
    without,
)
from workers.shard_cutting import (
    SizeOf,
    cut,
    even_size,
    growing_size,
    largest_shard,
)
from workers.taking_over import ParentList, TakingOver, unfiltered
from workers.waits import is_our_trouble, wait_before_retry

logger = logging.getLogger(__name__)

#: Listing is tried so often, over more than an hour, before the job ends without the rest.
MAX_LISTING_ERRORS = 30
# Errors that a storage or a resolver in trouble causes, too: only time tells them from the others.
_MAY_PASS = frozenset({"listing_failed", "host_not_found"})


class Overtaken(MegaBatchError):
    """Another planner has written the next image list; go on after it."""


def plan_job(context: WorkerContext, job_id: str) -> None:
    """Plan a job, or go on with it. Does nothing when another worker does, or nobody need."""
    check_room(context.settings)
    lease = context.store.claim(job_id, "plan", context.worker)
    if lease is None:
        return
    try:
        with context.keep(lease) as keeper:
            _plan(context, job_id, keeper)
    except AccessRevoked as error:
        give_back_refused(context, lease, error)
    except InvalidRequest as error:
        _stop(context, lease, error)
    except (LeaseEnded, Overtaken) as error:
        logger.warning("%s plan: %s", job_id, error)
        context.store.release(lease)
    except Exception as error:
        if is_our_trouble(error):
            logger.warning("%s plan: %s", job_id, error)
            context.store.release(lease)
            return
        _try_again(context, lease, error)
        raise
    else:
        context.store.release(lease)


def _stop(context: WorkerContext, lease: Lease, error: InvalidRequest) -> None:
    """Pause the job where a fresh URL of its container helps, and end it where nothing does.

    Raises an error that may pass, once it is noted that this is tried again.
    """
    if error.code in NEEDS_FRESH_URL:
        give_back_refused(context, lease, AccessRevoked(error.message))
    elif error.code in _MAY_PASS:
        _try_again(context, lease, error)
        raise error
    else:
        context.store.abort(lease, f"{error.code}: {error}")


def _try_again(context: WorkerContext, lease: Lease, error: Exception) -> None:
    if lease.errors + 1 < MAX_LISTING_ERRORS:
        context.store.fail(lease, wait_before_retry(lease.errors))
        return
    code = error.code if isinstance(error, InvalidRequest) else "listing_failed"
    what = error if isinstance(error, MegaBatchError) else type(error).__name__
    context.store.abort(lease, f"{code}: {what}")


def _plan(context: WorkerContext, job_id: str, keeper: LeaseKeeper) -> None:
    if context.folder.is_cancelled(job_id):
        context.store.cancel(job_id)  # Redis had lost the wish
        return
    count_outputs(context, job_id, keeper.moved)
    context.close_job(job_id)  # a fresh SAS may have come since
    job, container = context.open_job(job_id)
    with closing(TakingOver(context.folder, job, keeper.moved)) as taking_over:
        planning = _Planning(context, job, container, keeper, taking_over)
        planning.replay()
        planning.go_on()


class _Planning:
    """One planner's work on one job."""

    def __init__(
        self,
        context: WorkerContext,
        job: AcceptedJob,
        container: Container,
        keeper: LeaseKeeper,
        taking_over: TakingOver,
    ) -> None:
        self._context = context
        self._folder, self._store = context.folder, context.store
        self._job, self._request, self._container = job, job.request, container
        if job.parent:
            self._request = unfiltered(job.request)
        self._keeper = keeper
        self._taking_over = taking_over
        self._index = 0
        self._after: ListingPosition | None = None
        self._skipped: dict[str, int] = {}
        self._explicit: ExplicitList | ParentList | None = None

    def replay(self) -> None:
        """Tell the job store of the image lists that stand, and find where they end."""
        self._index = self._folder.count_image_lists(self._job.id)
        if self._index:
            last = self._folder.read_header(self._job.id, self._index - 1)
            self._tell(self._index - 1, last)
            self._after = last.position
            self._skipped = dict(self._after.skipped)

    def go_on(self) -> None:
        """List what is left, and end the chain."""
        try:
            plan = self._folder.read_plan(self._job.id)
        except FileNotFoundError:
            self._cut_shards()
            plan = self._folder.write_plan(self._job.id, self._new_plan())
        self._store.listed(
            self._job.id,
            shards=plan.shards,
            images=plan.images,
            duplicates=plan.duplicates,
            skipped=plan.skipped,
        )

    def _new_plan(self) -> Plan:
        return Plan(
            images=self._after.images if self._after else 0,
            shards=self._index,
            duplicates=self._explicit.duplicates if self._explicit else 0,
            skipped=self._skipped,
        )

    def _cut_shards(self) -> None:
        pages = self._watched(self._selected())
        head = next(pages, None)
        if head is None:
            return
        size_of = self._size_of(head)
        self._taking_over.begin()
        for shard in cut(itertools.chain([head], pages), size_of, self._index, self._after):
            images = self._taking_over.mark(self._index, shard.images)
            data = encode_image_list(images, shard.position)
            if self._folder.write_image_list(self._job.id, self._index, data) != data:
                raise Overtaken
            self._tell(self._index, decode_header(data))
            self._index += 1
            self._after = shard.position

    def _tell(self, index: int, header: ImageListHeader) -> None:
        """Tell the job store of a shard, and of those before it that it has lost meanwhile."""
        wanted = self._say(index, header)
        if wanted is not None and wanted <= index:
            # So that nobody is sent to a shard that is done.
            count_outputs(self._context, self._job.id, self._keeper.moved)
        while wanted is not None and wanted <= index:
            wanted = self._say(wanted, self._folder.read_header(self._job.id, wanted))

    def _say(self, index: int, header: ImageListHeader) -> int | None:
        """Of one shard; one that is taken over whole is done before. Returns as `planned` does."""
        tally = self._taking_over.finish(index) if header.kept == header.count else None
        if tally:
            self._store.done(self._job.id, index, tally)
        wanted = self._store.planned(self._job.id, index, header.count)
        self._keeper.moved()
        return wanted

    def _watched(self, pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            self._keeper.moved()
            yield page
            add_skipped(self._skipped, page.skipped)

    def _size_of(self, head: Page) -> SizeOf:
        model = self._request.model
        cap = largest_shard(self._store.seconds_an_image(model))
        if not head.last or self._after:
            return growing_size(cap)
        return even_size(len(head.images), self._store.live_workers(model), cap)

    def _selected(self) -> Iterator[Page]:
        """The pages that are still to be cut, after all filters."""
        request, after = self._request, self._after
        whole = request.sample_n is not None
        pages = self._listing(after.page if after and not whole else None)
        if after and not whole:
            pages = beyond(pages, self._names_from(after.page))
        if request.first_n is not None:
            done = after.images if after and not whole else 0
            pages = first(pages, request.first_n - done)
        return self._sampled(pages, request.sample_n) if request.sample_n else pages

    def _listing(self, marker: str | None) -> Iterator[Page]:
        if self._job.parent:
            self._explicit = ParentList(self._folder, self._job.parent)
            return self._explicit.pages(marker)
        images = self._context.requested_images(self._request)
        if images is None:
            return self._container.pages(self._request.prefix, marker)
        self._explicit = ExplicitList(images, self._request)
        pages = self._explicit.pages(self._context.sealer, marker)
        return images_alone(pages) if self._job.legacy else pages

    def _names_from(self, page: str | None) -> set[str]:
        """The names in the image lists that end on this page."""
        names: set[str] = set()
        for index in reversed(range(self._index)):
            data = self._folder.read_image_list(self._job.id, index)
            if decode_header(data).position.page != page:
                break
            names.update(image.name for image in decode_image_list(data))
        return names

    def _sampled(self, pages: Iterator[Page], count: int) -> Iterator[Page]:
        images, skipped = sample(pages, count, self._request.sample_seed, self._keeper.moved)
        standing = {
            image.name
            for index in range(self._index)
            for image in decode_image_list(self._folder.read_image_list(self._job.id, index))
        }
        check_still_there(images, standing)
        if self._job.legacy:
            refuse_small(len(images), count)
        left = without(images, standing)[: count - len(standing)]
        yield Page(images=left, marker=None, last=True, skipped=skipped)
