"""Keeps a lease alive while work moves, and tells when it is gone."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Self

from core.errors import MegaBatchError, Unavailable
from core.job_store import JobStore, Renewal
from core.lease import Lease

logger = logging.getLogger(__name__)

#: Seconds between renewals: four fit into a lease of 30 s.
RENEW_EVERY = 7.0
#: Exit status of a process that gave itself up because its work stood still.
STALLED_EXIT = 75


class LeaseEnded(MegaBatchError):
    """The lease is gone; what was begun is left, and somebody else does it or nobody has to."""


def _leave_process() -> None:
    # A thread may hang in native code, where no exception reaches it; and a process that ends is a
    # loss like any other, which somebody takes over.
    os._exit(STALLED_EXIT)


class LeaseKeeper:
    """Renews a lease in a thread, as long as `moved` is called within `stall_after` seconds."""

    def __init__(
        self,
        store: JobStore,
        lease: Lease,
        *,
        stall_after: float,
        leaving: Callable[[], bool] = lambda: False,
        renew_every: float | None = None,
        on_stall: Callable[[], None] = _leave_process,
    ) -> None:
        """`leaving` tells whether the worker is to stop, and to give back what it holds."""
        self._store = store
        self.lease = lease
        self._stall_after = stall_after
        self._leaving = leaving
        self._renew_every = renew_every or RENEW_EVERY
        self._on_stall = on_stall
        self._ended: Renewal | None = None
        self._last_move = time.monotonic()
        self._images = 0
        self._stop = threading.Event()
        # What the log says of the task, it says of the thread that keeps its lease, too.
        keep = partial(copy_context().run, self._keep)
        self._thread = threading.Thread(target=keep, name="lease-keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def moved(self, images: int = 0) -> None:
        """The work went on, by so many images.

        Raises LeaseEnded when it is not ours any more, or to be given back.
        """
        self._images += images
        self._last_move = time.monotonic()
        if self._ended:
            raise LeaseEnded(f"the lease of {self.lease.unit} ended: {self._ended}")
        if self._leaving():
            raise LeaseEnded(f"the worker stops, and gives {self.lease.unit} back")

    def _keep(self) -> None:
        while not self._stop.wait(self._renew_every):
            if time.monotonic() - self._last_move > self._stall_after:
                logger.error("%s %s stands still", self.lease.job_id, self.lease.unit)
                self._on_stall()
                return
            if not self._renew():
                return

    def _renew(self) -> bool:
        try:
            renewal = self._store.renew(self.lease, self._images)
        except Unavailable:
            # Nobody else can claim either. What is written stands, and will be found.
            return True
        if renewal in ("lost", "stopped"):
            self._ended = renewal
            return False
        return True
