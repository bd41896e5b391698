"""How fast the tools on results files are, and how much memory they take.

    python -m benchmarks.results_tools [images] [--peer PYTHON]

Makes a results file of that many images (default: a million; two detections in each fourth) in our
layout, and gives it to each tool in a process of its own. PYTHON: an interpreter that can import
the public package `megadetector`, whose tool for the same job is then timed in the same run; by
default the one that `scripts/get-peer` has made, where it has.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core.catalog import DEMO
from core.results.format import Detection, ImageResult, encode_image
from core.results.writer import ResultsWriter, build_info

MADE_PEER = Path(".cache/peer/bin/python")
ASKED_MIB = 300
ASKED_RATIO = 3
_FOUND = [
    Detection("1", 0.934, (0.1042, 0.3301, 0.25, 0.4117)),
    Detection("2", 0.127, (0.7, 0.2, 0.1, 0.5)),
]


@dataclass(frozen=True)
class Tool:
    """A command of `megabatch post`, and Python code by which the peer does the same."""

    name: str
    #: `{file}` and `{out}` are put in.
    words: str
    peer: str | None = None


_PEER = "from megadetector.postprocessing.{0} import {0} as tool"
TOOLS = (
    # The peer has no summary; this only loads the file, as each of its tools that counts does.
    Tool(
        "summary",
        "summary {file}",
        f"{_PEER.format('load_api_results')}; tool({{file!r}})",
    ),
    Tool(
        "validate",
        "validate {file}",
        f"{_PEER.format('validate_batch_results')}; tool({{file!r}})",
    ),
    Tool(
        "subset by folder",
        "subset {file} --under site-1/ -o {out}",
        "from megadetector.postprocessing import subset_json_detector_output as tool; "
        "options = tool.SubsetJsonDetectorOutputOptions(); options.query = '^site-1/'; "
        "tool.subset_json_detector_output({file!r}, {out!r}, options)",
    ),
    Tool(
        "subset by confidence",
        "subset {file} --above 0.2 -o {out}",
        "from megadetector.postprocessing import subset_json_detector_output as tool; "
        "options = tool.SubsetJsonDetectorOutputOptions(); options.confidence_threshold = 0.2; "
        "tool.subset_json_detector_output({file!r}, {out!r}, options)",
    ),
    Tool(
        "convert to CSV",
        "convert {file} --to csv -o {out}",
        "from megadetector.postprocessing import generate_csv_report as tool; "
        "tool.generate_csv_report("
        "{file!r}, {out!r}, datetime_source={file!r}, folder_level_columns=[0, 1])",
    ),
    Tool("convert to Parquet", "convert {file} --to parquet -o {out}"),
    Tool("convert to COCO", "convert {file} --to coco -o {out}"),
)


def make(path: Path, images: int) -> None:
    """Write a results file with so many images of 100 cameras."""
    info = build_info(DEMO, completed_at=datetime.now(UTC), detection_threshold=0.1)
    with path.open("wb") as file:
        writer = ResultsWriter(file)
        writer.begin(info, DEMO.categories)
        for number in range(images):
            writer.write_line(encode_image(_image(number)))
        writer.end()


def _image(number: int) -> ImageResult:
    return ImageResult(
        file=f"site-{number % 10}/camera-{number % 100:03}/2026/IMG_{number:08}.JPG",
        detections=[] if number % 4 else _FOUND,
        width=2048,
        height=1536,
        datetime=f"2026-04-{number % 30 + 1:02} 05:12:{number % 60:02}",
    )


def measured(command: Sequence[str]) -> tuple[float, float]:
    """Seconds that the command took, and MiB of memory at its peak."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said[-2000:]}")
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return time.perf_counter() - start, usage.ru_maxrss / unit


def run(tool: Tool, file: Path, images: int, peer: str | None) -> None:
    """Measure one tool, and the peer's where it has one, and print what was seen."""
    out = file.with_name("out")
    words = tool.words.format(file=file, out=out).split()
    seconds, mib = measured([sys.executable, "-m", "cli.main", "post", *words])
    out.unlink(missing_ok=True)
    print(f"{tool.name:<22}{images / seconds:>12,.0f} images/s{mib:>8,.0f} MiB peak", end="")
    if peer and tool.peer:
        code = tool.peer.format(file=str(file), out=str(out))
        theirs, their_mib = measured([peer, "-c", code])
        out.unlink(missing_ok=True)
        print(f"   peer {theirs:.1f} s, {their_mib:,.0f} MiB: {theirs / seconds:.1f} times", end="")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="?", type=int, default=1_000_000)
    made = str(MADE_PEER) if MADE_PEER.exists() else None
    parser.add_argument(
        "--peer", default=made, help="an interpreter with the public package megadetector"
    )
    given = parser.parse_args()
    print(f"asked for: {ASKED_RATIO} times as fast as the peer, under {ASKED_MIB} MiB")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        make(file, given.images)
        for tool in TOOLS:
            run(tool, file, given.images, given.peer)


if __name__ == "__main__":
    main()
