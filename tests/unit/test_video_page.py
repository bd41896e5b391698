"""What docs/video.md says is what `megabatch video` does."""

import re

from cli.local_options import EVERY_SECONDS
from core.containers.listing import VIDEO_SUFFIXES
from core.failures import FailureCode
from tests.unit.test_docs import ROOT, code, rows, told

PAGE = (ROOT / "docs/video.md").read_text()


def test_suffixes_that_folders_give() -> None:
    (line,) = re.findall(r"Folders give (.+), in any case", PAGE)
    assert re.findall(r"`(\.\w+)`", line) == sorted(VIDEO_SUFFIXES)


def test_codes_of_failures() -> None:
    told_of = {code(name) for name, _ in rows(PAGE, "Videos that fail")}
    assert {"truncated", "corrupt"} <= told_of <= {str(one) for one in FailureCode}


def test_frames_that_are_looked_at() -> None:
    assert EVERY_SECONDS == 1
    assert told("On one machine")["frames of a video"] == "one a second"
