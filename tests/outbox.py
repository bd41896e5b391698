"""A broker that keeps what it is given, for tests that run no workers."""

from collections.abc import Sequence

from core.messages import Message


class Outbox(list[Message]):
    """Keeps what would go to the broker."""

    def __call__(self, messages: Sequence[Message]) -> None:
        self.extend(messages)

    def take(self) -> list[Message]:
        taken = list(self)
        self.clear()
        return taken
