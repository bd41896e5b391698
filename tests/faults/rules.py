"""What is different in the processes of a scenario. Each is changed for good, and dies soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import workers.delivering
import workers.detecting
from core.containers.folder import LocalFolder
from core.containers.listing import Page
from core.errors import AccessRevoked, ContainerError, StorageTrouble
from core.failures import ImageFailure
from core.image_list import ListedImage
from core.jobs import utc_now
from core.lease import Lease
from core.results.format import Detection
from core.webhook_post import Posted
from core.webhooks import GONE
from detection.detector import RgbImage
from detection.images import decode_image
from tests.faults.clients import delete_at_once
from tests.hash_detector import HashDetector
from workers.context import WorkerContext
from workers.lease_keeper import LeaseKeeper

if TYPE_CHECKING:
    from tests.faults.service import Service

_read, _pages = LocalFolder.read, LocalFolder.pages
#: How long a detector waits for a lease to be renewed, in seconds, before that counts as a hang.
_PATIENCE = 30


def as_usual(service: Service) -> None:
    """The rules of most scenarios."""


def small_pages(service: Service) -> None:
    """Pages of three images, so that the second of the shards of two lies on two of them."""
    LocalFolder.__init__.__kwdefaults__["page_size"] = 3


def sas_expires(service: Service) -> None:
    """No image can be read, until a fresh URL of the container stands in our storage."""

    def read(folder: LocalFolder, image: ListedImage) -> bytes | ImageFailure:
        if not service.stored("container-urls"):
            raise AccessRevoked
        return _read(folder, image)

    LocalFolder.read = read  # type: ignore[method-assign]


def storage_is_away_once(service: Service) -> None:
    """The container does not answer the first time that it is read from."""

    def read(folder: LocalFolder, image: ListedImage) -> bytes | ImageFailure:
        if not service.noted("away"):
            service.note("away")
            raise StorageTrouble
        return _read(folder, image)

    LocalFolder.read = read  # type: ignore[method-assign]


def listing_breaks(service: Service) -> None:
    """For good, behind the first page."""
    small_pages(service)

    def pages(folder: LocalFolder, prefix: str = "", marker: str | None = None) -> Iterator[Page]:
        yield next(_pages(folder, prefix, marker))
        raise ContainerError(code="container_gone")

    LocalFolder.pages = pages  # type: ignore[method-assign]


def first_telling_fails(service: Service) -> None:
    """The webhook's receiver is broken once, and hears everything after."""

    def post(*_: Any, **__: Any) -> Posted:
        if service.noted("failed"):
            return Posted(200)
        service.note("failed")
        return Posted(500)

    workers.delivering.post = post
    # Between two steps of five seconds, so that it is always the same one after which it is due.
    workers.delivering.wait_after = lambda *_: 12.5


def nobody_wants_to_be_told(service: Service) -> None:
    workers.delivering.post = lambda *_, **__: Posted(GONE)


def deleted_while_told(service: Service) -> None:
    """Somebody deletes the job in the moment in which its webhook is told of its end."""
    years_go_by(service)

    def post(*_: Any, **__: Any) -> Posted:
        if service.ended:
            delete_at_once(service)
        return Posted(200)

    workers.delivering.post = post


def years_go_by(service: Service) -> None:
    """For the cleaner: one when the job was deleted, and its files are gone."""
    service.clock = lambda: _after(service.noted("deleted") and _is_swept(service))


def cleaner_comes_late(service: Service) -> None:
    """Nobody deletes the job but its time: all that is due is so at once, when it has ended."""
    service.clock = lambda: _after(
        service.noted("ended"), service.noted("ended") and not service.stored("")
    )


def _is_swept(service: Service) -> bool:
    return service.years_pass and not service.stored("")


def _after(*passed: bool) -> datetime:
    """A time that is long after what has passed."""
    return utc_now() + timedelta(days=1000 * sum(passed))


def lease_is_renewed(service: Service) -> None:
    """The first picture takes so long that the lease of its shard is renewed meanwhile."""
    keep = WorkerContext.keep

    def keep_renewing(context: WorkerContext, lease: Lease) -> LeaseKeeper:
        keeper = keep(context, lease)
        # Those of plans and merges are renewed as rarely as ever: the first renewal is a shard's.
        keeper._renew_every = 0.02 if lease.unit.isdigit() else keeper._renew_every
        return keeper

    WorkerContext.keep = keep_renewing  # type: ignore[method-assign]
    service.detector = lambda: WaitingDetector(service)


def every_shard_is_guarded(service: Service) -> None:
    """As after losses. Decoding in another process is left out: it makes no steps of its own."""
    Lease.guarded = property(lambda _: True)  # type: ignore[assignment, method-assign]
    workers.detecting.DecoderApart = DecoderHere  # type: ignore[assignment, misc]


class DecoderHere:
    """A `DecoderApart` that is not apart."""

    def __init__(self, *_: Any) -> None:
        self.decode = decode_image

    def close(self) -> None:
        """There is no process to end."""


class WaitingDetector(HashDetector):
    """Waits for the first renewal, and until that has been heard of."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def detect(self, batch: Sequence[RgbImage]) -> list[list[Detection]]:
        until = time.monotonic() + _PATIENCE
        while not self._renewed() and time.monotonic() < until:
            time.sleep(0.002)
        return super().detect(batch)

    def _renewed(self) -> bool:
        keeping = any(thread.name == "lease-keeper" for thread in threading.enumerate())
        return not keeping or self._service.watcher.renewal in ("ok", "unknown")
