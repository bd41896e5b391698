"""The processes of a local run, as their parent sees them: starts them, and starts them again.

A process may die on an image: out of memory, or by a fault of a library. It is started anew, and
begins with the image that was not finished, then one image at a time, so that a second death tells
which image it was. An image on which a process died `MAX_DEATHS` times is a failure.
"""

import logging
import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from core.errors import DetectorError
from core.failures import FailureCode, ImageFailure
from core.results.format import encode_image
from detection.local.member import Assignment, Gone, Line, Message, Over, Ready, run_member
from detection.local.work import Placed, Work

#: Deaths on one image after which it is a failure. The first may have been another image's fault.
MAX_DEATHS = 3
#: Images that are run one at a time after a death: more than a pipeline has under way at once.
CAREFUL = 64
#: Deaths, one after the other, without an image finished between, before the run is given up.
MAX_STARTS = 4
#: Seconds without a word before a process counts as stuck. Far more than one image takes.
STALL_AFTER = 300.0
#: Seconds for which a detector may load.
LOAD_WITHIN = 900.0

_LOG_TAIL = 2000

logger = logging.getLogger(__name__)


class OpenShard:
    """What is left of one shard."""

    def __init__(self, index: int, placed: Sequence[Placed]) -> None:
        self.index = index
        self._placed = placed
        self._at = 0
        #: So many images are to be run one at a time.
        self._careful = 0

    def next(self) -> Assignment | None:
        """What a process is to be given; None when the shard is done."""
        left = self._placed[self._at :]
        if not left:
            return None
        if self._careful:
            return Assignment(tuple(left[: self._careful]), careful=True)
        return Assignment(tuple(left))

    def finished(self) -> None:
        """The next image is finished."""
        self._at += 1
        self._careful = max(0, self._careful - 1)

    def go_carefully(self) -> None:
        self._careful = CAREFUL

    @property
    def current(self) -> Placed:
        """The image that is not finished."""
        return self._placed[self._at]


class _Member:
    """One process, and what it is at."""

    def __init__(self, work: Work, environment: Mapping[str, str], log: Path) -> None:
        self._work, self._environment, self._log = work, environment, log
        self.shard: OpenShard | None = None
        #: Deaths since it last finished an image.
        self.deaths = 0
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        arguments = theirs, self._work, self._environment, self._log
        self.process = context.Process(target=run_member, args=arguments, daemon=True)
        with _interrupts_ignored():
            self.process.start()
        theirs.close()
        self.ready = self.busy = False
        self.heard()

    def heard(self) -> None:
        self._heard_at = time.monotonic()

    def give(self, assignment: Assignment) -> None:
        self.connection.send(assignment)
        self.busy = True
        self.heard()

    @property
    def is_stuck(self) -> bool:
        silent = time.monotonic() - self._heard_at
        return silent > (STALL_AFTER if self.ready else LOAD_WITHIN) and (
            self.busy or not self.ready
        )

    def end(self) -> None:
        """End the process, whatever it does; nothing that it has told is lost."""
        self.connection.close()
        self.process.kill()  # SIGTERM is not heard by a process that was stopped
        self.process.join()

    def last_words(self) -> str:
        with suppress(OSError):
            return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
        return ""


class Crew:
    """Runs shards in as many processes as there are environments."""

    def __init__(
        self,
        work: Work,
        environments: Sequence[Mapping[str, str]],
        logs: Path,
        write: Callable[[int, bytes], None],
    ) -> None:
        """`environments`: variables of each process. `logs`: the folder where each writes its log.

        `write` is given each line and its shard's index, in list order within a shard.
        """
        self._work, self._environments, self._logs, self._write = work, environments, logs, write
        self._deaths: Counter[tuple[int, str]] = Counter()
        self._members: list[_Member] = []

    def run(self, shards: Iterator[OpenShard], done: Callable[[int], None]) -> None:
        """Run all shards. `done` is told of each shard that is over.

        Raises what a process says that stands in the way of all images, such as ModelUnavailable
        or StorageTrouble, and DetectorError when processes die again and again.
        """
        self._shards, self._done = shards, done
        self._next = self._next_shard()
        if self._next is None:
            return
        try:
            self._members = [self._member(number) for number in range(len(self._environments))]
            while self._next is not None or any(
                member.shard is not None for member in self._members
            ):
                self._listen()
        finally:
            for member in self._members:
                member.end()

    def _next_shard(self) -> OpenShard | None:
        """The next shard that is not done already."""
        for shard in self._shards:
            if shard.next() is not None:
                return shard
            self._done(shard.index)
        return None

    def _member(self, number: int) -> _Member:
        log = self._logs / f"process-{number}.log"
        log.unlink(missing_ok=True)
        return _Member(self._work, self._environments[number], log)

    def _listen(self) -> None:
        members = {member.connection: member for member in self._members}
        for connection in wait(list(members), timeout=1.0):
            assert isinstance(connection, Connection)
            self._hear(members[connection])
        for member in self._members:
            if member.is_stuck:
                logger.warning("a process has not moved for long; starting it again")
                self._died(member)

    def _hear(self, member: _Member) -> None:
        try:
            message: Message = member.connection.recv()
        except (EOFError, OSError):  # OSError also where it died in the middle of a message
            self._died(member)
            return
        member.heard()
        if isinstance(message, Gone):
            raise message.error
        if isinstance(message, Line):
            self._finished(member, message.line)
        elif isinstance(message, Ready | Over):
            member.ready, member.busy = True, False
            self._give(member)

    def _finished(self, member: _Member, line: bytes) -> None:
        assert member.shard is not None
        self._write(member.shard.index, line)
        member.shard.finished()
        member.deaths = 0

    def _give(self, member: _Member) -> None:
        """Give a process that waits something to do, if there is something."""
        if member.shard is not None and member.shard.next() is None:
            self._done(member.shard.index)
            member.shard = None
        if member.shard is None:
            member.shard, self._next = self._next, self._next_shard()
        if member.shard is None:
            return
        assignment = member.shard.next()
        if assignment is None:
            return
        with suppress(BrokenPipeError, ConnectionResetError):  # it is heard of as dead
            member.give(assignment)

    def _died(self, member: _Member) -> None:
        member.end()
        member.deaths += 1
        shard = member.shard
        if shard is not None and shard.next() is not None and member.ready:
            self._count_death(member, shard)
        if member.deaths >= MAX_STARTS:
            raise DetectorError(
                "The process that detects dies again and again "
                f"(exit code {member.process.exitcode}). Is there enough memory?\n"
                f"{member.last_words()}".rstrip()
            )
        member.start()

    def _count_death(self, member: _Member, shard: OpenShard) -> None:
        image = shard.current.image
        died_on = shard.index, image.name
        self._deaths[died_on] += 1
        shard.go_carefully()
        if self._deaths[died_on] >= MAX_DEATHS:
            logger.warning("a process died %d times on %s", MAX_DEATHS, image.name)
            failure = ImageFailure(FailureCode.WORKER_CRASHED)
            self._finished(member, encode_image(self._work.failed(image, failure)))


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A process started within it ignores Ctrl-C from its first moment, as it inherits this."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, where a handler cannot be set
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
