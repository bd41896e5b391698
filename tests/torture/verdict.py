"""Comparing what stands in a results file with what must stand there, line by line. Pure."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import msgspec


@dataclass(frozen=True)
class Verdict:
    """Images that were compared, and what was not right with them."""

    images: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0

    def __add__(self, other: Self) -> "Verdict":
        return Verdict(
            self.images + other.images,
            self.lost + other.lost,
            self.duplicated + other.duplicated,
            self.wrong + other.wrong,
        )

    @property
    def sound(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong)


class _Named(msgspec.Struct):
    file: str


_NAME = msgspec.json.Decoder(_Named)


def compare(found: Sequence[bytes], expected: Sequence[bytes], *, partial: bool = False) -> Verdict:
    """Whether the lines found are those expected, each once and in order.

    `partial`: of a job that was cancelled some may be missing; what is there must be right.
    Wrong is a line that differs, one of an image that was never listed, and one that comes after
    an image which it should precede.
    """
    right = dict(zip(map(name_of, expected), expected, strict=True))
    names = [name_of(line) for line in found]
    times = Counter(names)
    wrong = sum(right.get(name) != line for name, line in zip(names, found, strict=True))
    return Verdict(
        images=len(found) if partial else len(expected),
        lost=0 if partial else len(right.keys() - times.keys()),
        duplicated=sum(count - 1 for count in times.values()),
        wrong=wrong + _out_of_order(names, list(right)),
    )


def examples(found: Sequence[bytes], expected: Sequence[bytes], most: int = 3) -> list[str]:
    """Some lines that are not right, each with what it should be."""
    right = dict(zip(map(name_of, expected), expected, strict=True))
    pairs = ((line, right.get(name_of(line))) for line in found)
    wrong = (f"{line!r} should be {other!r}" for line, other in pairs if line != other)
    return list(itertools.islice(wrong, most))


def _out_of_order(names: Sequence[str], order: Sequence[str]) -> int:
    places = {name: place for place, name in enumerate(order)}
    known = [places[name] for name in dict.fromkeys(names) if name in places]
    return sum(later < earlier for earlier, later in itertools.pairwise(known))


def name_of(line: bytes) -> str:
    return _NAME.decode(line).file


def image_lines(results: bytes) -> list[bytes]:
    """The lines of the images in a results file of our layout, as they stand there."""
    body = results.partition(b'"images": [\n')[2].removesuffix(b"]\n}\n")
    return [line.removesuffix(b",") for line in body.splitlines()]
