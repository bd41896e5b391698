"""How long a storage may be away before anything is given up for it."""

import pytest

from core.lua_scripts import MAX_OUTAGES
from workers.planner import MAX_LISTING_ERRORS
from workers.waits import wait_before_retry

HOUR = 3600


@pytest.mark.parametrize("tries", [MAX_OUTAGES, MAX_LISTING_ERRORS - 1])
def test_an_hour_is_waited_out_however_the_dice_fall(
    tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: low)
    assert sum(wait_before_retry(before) for before in range(tries)) > HOUR


def test_what_failed_together_does_not_come_back_together() -> None:
    waits = {round(wait_before_retry(10), 3) for _ in range(50)}
    assert len(waits) > 40 and max(waits) <= 300 and min(waits) >= 150
