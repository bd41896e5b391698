"""Work that threads do ahead of whoever takes its results, in order and within bounds."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def ahead(
    threads: ThreadPoolExecutor, work: Callable[[S], T], items: Iterable[S], most: int
) -> Iterator[T]:
    """The results of `work` in the order of `items`, with at most `most` items under way.

    Items are taken as they are needed. Raises what `work` raises.
    """
    under_way: deque[Future[T]] = deque()
    for item in items:
        under_way.append(threads.submit(work, item))
        if len(under_way) >= most:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
