"""The courier: tells webhooks what happened to their jobs, and tries again until they hear.

One runs in the main process of every control worker; they share the deliveries, each of which is
leased to one of them by a script in Redis. Jobs never wait for it.
"""

import logging
import threading
from collections import Counter

from core.errors import Unavailable
from core.logs import about
from core.webhook_secrets import open_webhook_secrets
from core.webhooks import Delivery, webhook_guard
from workers.context import WorkerContext
from workers.delivering import Deliverer

logger = logging.getLogger(__name__)

#: Seconds between two looks for what is due; one that ends lets the next be looked for at once.
LOOK_EVERY = 1.0
#: Deliveries at a time, and those of one caller: a receiver that never answers holds up no others.
_AT_A_TIME = 8
_OF_A_CALLER = 4


class Courier:
    """Delivers, several at a time, until it is stopped."""

    def __init__(self, context: WorkerContext, deliverer: Deliverer) -> None:
        self._store = context.store
        self._deliverer = deliverer
        self._free = threading.Semaphore(_AT_A_TIME)
        self._lock = threading.Lock()
        self._at_work: Counter[str] = Counter()
        self._ended = threading.Event()

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.give_out()
            except Unavailable as error:
                logger.warning("courier: %s", error)
            except Exception:
                # The courier must outlive every surprise: nobody else would tell.
                logger.exception("courier: giving out failed")
            self._ended.wait(LOOK_EVERY)
            self._ended.clear()

    def give_out(self) -> None:
        """Give what is due to threads, as long as some are free."""
        while self._free.acquire(blocking=False):
            due = None
            try:
                due = self._store.claim_delivery(self._sated())
            finally:
                if due is None:
                    self._free.release()
            if due is None:
                return
            self._start(due.delivery, due.caller)

    def _sated(self) -> list[str]:
        with self._lock:
            return [caller for caller, count in self._at_work.items() if count >= _OF_A_CALLER]

    def _start(self, delivery: Delivery, caller: str) -> None:
        with self._lock:
            self._at_work[caller] += 1
        threading.Thread(
            target=self._deliver, args=(delivery, caller), name="delivery", daemon=True
        ).start()

    def _deliver(self, delivery: Delivery, caller: str) -> None:
        try:
            with about(job_id=delivery.job_id):
                self._deliverer.deliver(delivery)
        except Unavailable as error:
            logger.warning("%s: %s", delivery.job_id, error)
        except Exception:
            # A job whose files are damaged must not keep others from being told.
            logger.exception("%s: %s cannot be delivered", delivery.job_id, delivery.event)
        finally:
            with self._lock:
                self._at_work[caller] -= 1
            self._free.release()
            self._ended.set()


def open_courier(context: WorkerContext) -> Courier:
    """The courier of a control worker."""
    settings = context.settings
    deliverer = Deliverer(context, open_webhook_secrets(settings), webhook_guard(settings))
    return Courier(context, deliverer)
