"""Writes what there is to do, once, into the journal."""

import itertools
import math
from collections.abc import Iterable, Iterator

import msgspec

from detection.local.earlier import Entry
from detection.local.journal import Journal, Plan
from detection.local.sources import Skipped

#: Images of a shard at the least and at most, and how many shards a process gets where there are
#: few images, so that all processes end at about the same time.
LEAST, MOST, SHARDS_EACH = 16, 1000, 4


def shard_size(images: int, processes: int) -> int:
    """Images a shard, where there are so many in all."""
    return min(MOST, max(LEAST, math.ceil(images / (SHARDS_EACH * processes))))


def write_plan(
    journal: Journal, entries: Iterable[Entry], skipped: Skipped, processes: int
) -> Plan:
    """Write the lists of all shards, then the plan. Raises what listing raises.

    `skipped` is filled while `entries` come.
    """
    journal.forget_lists()
    images = kept = size = shards = 0
    for shard in _cut(entries, processes):
        lines = [line for _, line in shard if line is not None]
        listed = [msgspec.structs.replace(image, kept=line is not None) for image, line in shard]
        journal.write_list(shards, listed, lines)
        images, kept, shards = images + len(shard), kept + len(lines), shards + 1
        size += sum(image.size or 0 for image in listed if not image.kept)
    plan = Plan(
        images=images,
        shards=shards,
        kept=kept,
        size=size,
        skipped=skipped.by_suffix,
        duplicates=skipped.duplicates,
    )
    journal.write_plan(plan)
    return plan


def _cut(entries: Iterable[Entry], processes: int) -> Iterator[list[Entry]]:
    rest = iter(entries)
    # With more than these, shards are as large as they may be.
    first = list(itertools.islice(rest, MOST * SHARDS_EACH * processes))
    size = shard_size(len(first), processes)
    rest = itertools.chain(first, rest)
    while shard := list(itertools.islice(rest, size)):
        yield shard
