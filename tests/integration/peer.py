"""What the public package `megadetector` finds, and how it is held against what we find."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from core.results.format import Detection, ImageResult
from core.results.reader import open_results

#: One step of a written confidence is 0.001: the peer floors, we round.
TOLERANCE = 0.0011
#: Both list detections above `LISTED`; those from `COMPARED` on need a partner on the other side.
LISTED, COMPARED = 0.005, 0.01


def run_peer(python: Path, model: Path, folder: Path, output: Path) -> list[ImageResult]:
    """The results of the peer's `run_detector_batch` on a folder; `python` can import it."""
    command = [str(python), "-m", "megadetector.detection.run_detector_batch"]
    command += [str(model), str(folder), str(output), f"--threshold={LISTED}"]
    command += ["--recursive", "--output_relative_filenames"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, env=environment, cwd=output.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return list(open_results(output).images())


def differences(ours: Sequence[Detection], theirs: Sequence[Detection]) -> list[Detection]:
    """The detections from `COMPARED` on, of either side, that have no partner on the other.

    A partner may be just below, where a confidence is floored on one side and rounded on the other.
    """
    alone: list[Detection] = []
    left = list(theirs)
    for detection in sorted(ours, key=lambda one: -one.conf):
        near = [(distance(detection, other), n) for n, other in enumerate(left)]
        best = min(near, default=(1.0, -1))
        if best[0] <= TOLERANCE:
            left.pop(best[1])
        else:
            alone.append(detection)
    return [one for one in (*alone, *left) if one.conf >= COMPARED]


def distance(one: Detection, other: Detection) -> float:
    """The largest difference of two detections in a number; 1 where their categories differ."""
    if one.category != other.category:
        return 1.0
    pairs = zip((one.conf, *one.bbox), (other.conf, *other.bbox), strict=True)
    # Both are decimals: what binary fractions add is no difference.
    return max(round(abs(a - b), 6) for a, b in pairs)
