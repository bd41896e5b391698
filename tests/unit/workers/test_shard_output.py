"""The proof of a shard output."""

import msgspec
import pytest

from core.failures import FailureCode, ImageFailure
from core.image_list import ListedImage
from core.job_store import Tally
from core.results.format import Detection, ImageResult, failed
from workers.shard_output import Proof, ShardRefused, encode_output, prove, tally_of

IMAGES = [ListedImage(name) for name in ("s/a.jpg", 's/with "quotes"\n.jpg', "s/é.jpg")]
RESULTS = [
    ImageResult(file=IMAGES[0].name, detections=[Detection("1", 0.9, (0.1, 0.2, 0.3, 0.4))]),
    failed(IMAGES[1].name, ImageFailure(FailureCode.TRUNCATED)),
    ImageResult(file=IMAGES[2].name, detections=[]),
]
OUTPUT = encode_output(RESULTS)
LINES = OUTPUT.splitlines(keepends=True)


def test_whole_output_is_proven_and_counted() -> None:
    tally = Tally(3, {"truncated": 1})
    assert prove(OUTPUT, IMAGES, "") == Proof(tally, failed=(1,))
    assert tally_of(OUTPUT) == tally


def test_names_are_compared_without_the_stripped_prefix() -> None:
    stripped = [
        msgspec.structs.replace(result, file=result.file.removeprefix("s/")) for result in RESULTS
    ]
    assert prove(encode_output(stripped), IMAGES, "s/").tally.images == 3
    with pytest.raises(ShardRefused):
        prove(encode_output(stripped), IMAGES, "")


@pytest.mark.parametrize(
    "output",
    [
        b"",
        OUTPUT[:-1],
        OUTPUT[:-30],
        LINES[0] + LINES[2],
        LINES[1] + LINES[0] + LINES[2],
        LINES[0] + LINES[1] + LINES[1],
        OUTPUT + LINES[2],
        OUTPUT + b"\n",
        b"\n" + OUTPUT[:-1],
        OUTPUT.replace(b'"detections":[]', b'"detections":null'),
        OUTPUT.replace(b'"detections":null', b'"detections":[]'),
        OUTPUT.replace(b'"conf":0.9', b'"conf":NaN'),
        OUTPUT.replace(b'"conf":0.9', b'"conf":"high"'),
        OUTPUT.replace("é".encode(), b"\xe9"),
        b"\0" * len(OUTPUT),
    ],
)
def test_anything_else_is_refused(output: bytes) -> None:
    with pytest.raises(ShardRefused):
        prove(output, IMAGES, "")
