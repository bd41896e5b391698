"""Messages in lists in Redis, where Celery has them too: they are lost with it."""

from collections.abc import Sequence

import msgspec
import redis

from core.job_reader import PREFIX
from core.messages import CONTROL_QUEUE, Message, detection_queue

# The reaper looks at the length of a model's list, so it must have its name in the product.
_QUEUES = [PREFIX + queue for queue in (CONTROL_QUEUE, *map(detection_queue, ("demo", "mine")))]


class Broker:
    """Gives out the oldest message, again and again until it is done with."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        #: Messages are lost.
        self.muted = False

    def __call__(self, messages: Sequence[Message]) -> None:
        if not self.muted:
            for message in messages:
                self._client.rpush(PREFIX + message.queue, msgspec.json.encode(message))

    def oldest(self) -> Message | None:
        """What comes next; a worker that dies over it gets it again."""
        for queue in _QUEUES:
            data = self._client.lindex(queue, 0)
            if data:
                return msgspec.json.decode(data, type=Message)
        return None

    def end(self, message: Message) -> None:
        self._client.lrem(PREFIX + message.queue, 1, msgspec.json.encode(message))
