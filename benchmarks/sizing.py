"""What an image costs besides its detection: bytes in the storage, processor time of decoding.

    python -m benchmarks.sizing

docs/operations.md works out sizes from it. The shard is that of `benchmarks.scale`, the picture
that of `benchmarks.pipeline`. Bytes follow from the names alone; only the time is measured.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.pipeline import make_pictures
from benchmarks.scale import Names, made_up
from core.image_list import ListingPosition, encode_image_list
from detection.images import DecodedImage, DecodeOptions, decode_image
from workers.shard_output import encode_output

_SHARD = 1000
_TIMES = 40


def bytes_an_image() -> tuple[float, float]:
    """In the image lists, and in the shard outputs, which the results file holds once more."""
    page = next(Names(_SHARD).pages())
    listed = encode_image_list(page.images, ListingPosition("0", _SHARD))
    output = encode_output(made_up(image, n, 1) for n, image in enumerate(page.images))
    return len(listed) / _SHARD, len(output) / _SHARD


def decoding(folder: Path) -> tuple[float, float]:
    """Processor milliseconds of one picture, and its megabytes."""
    (picture,) = make_pictures(folder, 1)
    data = (folder / picture.name).read_bytes()
    options = DecodeOptions()
    started = time.process_time()
    for _ in range(_TIMES):
        assert isinstance(decode_image(data, options), DecodedImage)
    return 1000 * (time.process_time() - started) / _TIMES, len(data) / 1e6


def main() -> None:
    listed, output = bytes_an_image()
    print(f"image list {listed:.0f}, shard output and results file {output:.0f} bytes an image")
    with tempfile.TemporaryDirectory() as folder:
        milliseconds, megabytes = decoding(Path(folder))
    print(f"decoding: {milliseconds:.0f} ms of processor time for a picture of {megabytes:.1f} MB")


if __name__ == "__main__":
    main()
