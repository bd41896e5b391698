"""A shard output: one line an image, in list order, each in its final form. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from core.errors import MegaBatchError
from core.image_list import ListedImage
from core.job_store import Tally
from core.results.format import Detection, ImageResult, encode_image


class ShardRefused(MegaBatchError):
    """A shard output does not hold each listed image exactly once and in order."""


class Proof(msgspec.Struct, frozen=True):
    """What a proven output holds."""

    tally: Tally
    #: Positions of the images that failed.
    failed: tuple[int, ...]


class _Outcome(msgspec.Struct):
    """What the proof looks at in a line."""

    file: str
    detections: list[Detection] | None
    failure: str | None = None


_lines = msgspec.json.Decoder(_Outcome)


def encode_output(results: Iterable[ImageResult]) -> bytes:
    return b"".join(encode_image(result) + b"\n" for result in results)


def weave(images: Sequence[ListedImage], kept: Mapping[str, bytes], others: bytes) -> bytes:
    """The output that has the lines of `kept` for the images of these names.

    `others` is the output of all other images, in list order.
    """
    if not kept:
        return others
    rest = iter(others.split(b"\n"))
    return b"".join((kept.get(image.name) or next(rest)) + b"\n" for image in images)


def file_name(image: ListedImage, strip_prefix: str) -> str:
    """The name of an image in the results."""
    return image.name.removeprefix(strip_prefix)


def tally_of(output: bytes, kept: int = 0) -> Tally:
    """What an output adds to the progress. Raises ShardRefused when it is not one.

    `kept` of its images are taken over from an earlier job.
    """
    return _tally(_outcomes(output), kept)


def prove(output: bytes, images: Sequence[ListedImage], strip_prefix: str) -> Proof:
    """Check that an output is whole, right and in list order. Raises ShardRefused otherwise."""
    outcomes = _outcomes(output)
    names = [outcome.file for outcome in outcomes]
    if strip_prefix:
        wanted = [file_name(image, strip_prefix) for image in images]
    else:
        wanted = [image.name for image in images]
    if names != wanted:
        raise ShardRefused
    if any((outcome.failure is None) is (outcome.detections is None) for outcome in outcomes):
        raise ShardRefused
    tally = _tally(outcomes, sum(image.kept for image in images))
    if not tally.failures:
        return Proof(tally, ())
    return Proof(
        tally, tuple(n for n, outcome in enumerate(outcomes) if outcome.failure is not None)
    )


def _outcomes(output: bytes) -> list[_Outcome]:
    if output and not output.endswith(b"\n"):
        raise ShardRefused
    try:
        outcomes = _lines.decode_lines(output)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ShardRefused from error
    # The decoder passes over empty lines; the results file must not have any.
    if len(outcomes) != output.count(b"\n"):
        raise ShardRefused
    return outcomes


def _tally(outcomes: Sequence[_Outcome], kept: int) -> Tally:
    failures = Counter(
        outcome.failure.rpartition(" ")[2] for outcome in outcomes if outcome.failure is not None
    )
    return Tally(len(outcomes), dict(sorted(failures.items())), kept)
