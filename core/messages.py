"""What is said to workers: which task, about which job. A hint; the truth is in the job store."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

TaskName = Literal["plan_job", "run_shard", "merge_job"]

CONTROL_QUEUE = "control"


def detection_queue(model: str) -> str:
    return f"detect.{model}"


class Message(msgspec.Struct, frozen=True, array_like=True):
    """One message. `run_shard` names its shard's index and the job's model, the others neither."""

    task: TaskName
    job_id: str
    index: int | None = None
    model: str | None = None

    @property
    def queue(self) -> str:
        return CONTROL_QUEUE if self.model is None else detection_queue(self.model)

    @property
    def arguments(self) -> tuple[str | int, ...]:
        return (self.job_id,) if self.index is None else (self.job_id, self.index)


#: Sends messages, or drops them when the broker is away: the reaper sends again what matters.
Send = Callable[[Sequence[Message]], None]
