import os
import subprocess
import sys

import pytest

from detection.quiet import quiet_standard_error

QUIET = """
import os, sys
from detection.quiet import quiet_standard_error
from core.errors import ModelUnavailable
os.write(2, b"before ")
try:
    with quiet_standard_error():
        os.write(2, b"noise ")
        if sys.argv[1] != "None":
            raise {"unavailable": ModelUnavailable, "other": ValueError}[sys.argv[1]]
except (ValueError, ModelUnavailable):
    os.write(2, b"caught ")
os.write(2, b"after")
"""


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        ("None", b"before after"),
        ("unavailable", b"before caught after"),
        ("other", b"before noise caught after"),
    ],
)
def test_noise_is_shown_only_where_it_may_explain_a_fault(raised: str, shown: bytes) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", QUIET, raised], capture_output=True, check=True, timeout=60
    )
    assert ran.stderr == shown


def test_quiet_leaves_no_descriptor_open() -> None:
    before = os.listdir("/proc/self/fd")
    with quiet_standard_error():
        pass
    assert os.listdir("/proc/self/fd") == before
