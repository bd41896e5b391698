from datetime import UTC, datetime, timedelta

import pytest

from cli.doctor.clock import compared

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("theirs", "verdict", "seen"),
    [
        (0, "ok", "agrees with this host's, within 5 s"),
        (-5, "ok", "agrees"),
        (15, "ok", "agrees"),
        (-6, "warning", "is 6 s behind this host's"),
        (16, "warning", "is 6 s ahead of this host's"),
        (-60, "warning", "is 60 s behind this host's"),
        (-61, "fault", "is 61 s behind this host's"),
        (71, "fault", "is 61 s ahead of this host's"),
        (7210, "fault", "is 7,200 s ahead of this host's"),
    ],
)
def test_how_far_a_clock_is_off(theirs: int, verdict: str, seen: str) -> None:
    """Ours went on for ten seconds while it was asked; that is nobody's fault."""
    finding = compared("it", NOON + theirs * SECOND, NOON, NOON + 10 * SECOND)
    assert finding.verdict == verdict and seen in finding.seen


@pytest.mark.parametrize(("theirs", "verdict"), [(-6, "ok"), (-7, "warning"), (5, "ok")])
def test_what_is_cut_off_is_not_behind(theirs: int, verdict: str) -> None:
    assert compared("it", NOON + theirs * SECOND, NOON, NOON, SECOND).verdict == verdict
