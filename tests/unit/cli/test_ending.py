"""What a command that waited says in the end, against a stand-in for the API."""

from typing import Any

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.cli.service import JOB, Service, job

ID = JOB["id"]
SHOWN = f"GET /v1/jobs/{ID}"


def ended(failures: dict[str, int], *, truncated_images: str = "fail", **fields: Any) -> Any:
    shown = job("completed", images_done=10, images_failed=sum(failures.values()))
    shown["progress"]["failures"] = failures
    return shown | {"request": {"truncated_images": truncated_images}} | fields


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (ended({"truncated": 1, "unreadable": 1}), f"again with `megabatch retry-failed {ID}`."),
        (
            ended({"truncated": 1, "corrupt": 2}),
            f"cut off with `megabatch retry-failed {ID} --truncated-images accept`.",
        ),
        (
            ended({"truncated": 1}, truncated_images="accept"),
            f"at fault. With better ones in their place, use `megabatch retry-failed {ID}`.",
        ),
        (ended({"not_an_image": 1}), "The files themselves are at fault."),
        (
            ended({"not_found": 1}, sas_expires_at="2026-01-01T00:00:00Z"),
            f"again with `megabatch retry-failed {ID} -`.",
        ),
    ],
)
def test_what_failed_is_tried_again_where_that_helps(
    command: Command,
    service: Service,
    capsys: pytest.CaptureFixture[str],
    shown: dict[str, Any],
    says: str,
) -> None:
    service.answer(SHOWN, shown)
    assert command("wait", ID) == 4
    assert says in capsys.readouterr().err


def test_a_paused_job_says_once_what_it_waits_for(
    command: Command, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    for status in ("running", "paused", "paused", "completed"):
        service.answer(SHOWN, job(status, images_done=10))
    assert command("wait", ID) == 0
    assert capsys.readouterr().err.count(f"`megabatch container-url {ID} -`.") == 1
