"""How many lines a second the results file takes in, and gives out.

    python -m benchmarks.merge_lines [lines]

Writes that many image lines (default: a million) to a file in the temporary folder, as the
aggregator copies them, then reads them as raw lines and as images, and validates them.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from core.catalog import DEMO
from core.results.format import Detection, ImageResult, encode_image
from core.results.reader import open_results
from core.results.validator import validate
from core.results.writer import ResultsWriter, build_info

SHARD = 1000


def image_line(number: int) -> bytes:
    """A line of the usual length: two detections."""
    found = [
        Detection("1", 0.934, (0.1042, 0.3301, 0.25, 0.4117)),
        Detection("2", 0.127, (0.7, 0.2, 0.1, 0.5)),
    ]
    name = f"site-12/camera-07/2026/IMG_{number:08}.JPG"
    return encode_image(
        ImageResult(
            file=name, detections=found, width=2048, height=1536, datetime="2026-04-30 05:12:44"
        )
    )


@contextmanager
def timed(what: str, lines: int) -> Iterator[None]:
    """Print the rate of what is done inside, and the most memory that was used so far."""
    start = time.perf_counter()
    yield
    rate = lines / (time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<22}{rate:>12,.0f} lines/s{peak:>8,.0f} MiB peak")


def run(path: Path, lines: int) -> None:
    """Write, read and validate a results file of so many lines at `path`."""
    shard = [image_line(number) for number in range(SHARD)]
    info = build_info(DEMO, completed_at=datetime.now(UTC), detection_threshold=0.1)
    with timed("write_lines", lines), path.open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(info, DEMO.categories)
        for _ in range(lines // SHARD):
            writer.write_lines(shard)
        writer.end()
    results = open_results(path)
    with timed("read raw lines", lines):
        sum(1 for _ in results.layout.raw_images())
    with timed("read images", lines):
        sum(1 for _ in results.images())
    with timed("validate", lines):
        validate(path)  # names repeat here, so it counts duplicates; their cost is included


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder) / "results.json", lines)


if __name__ == "__main__":
    main()
