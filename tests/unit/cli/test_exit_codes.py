import msgspec
import pytest

from cli import exit_codes
from core.errors import ConfigError, InvalidRequest, JobNotFound, MegaBatchError, StorageTrouble
from core.jobs import Job
from tests.unit.cli.service import job


@pytest.mark.parametrize(
    ("status", "failed", "code"),
    [
        ("completed", 0, 0),
        ("completed", 1, 4),
        ("failed", 1, 3),
        ("cancelled", 1, 5),
        ("running", 1, 0),
    ],
)
def test_codes_of_jobs(status: str, failed: int, code: int) -> None:
    ended = msgspec.convert(job(status, images_failed=failed), Job)
    assert exit_codes.of_job(ended) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [(InvalidRequest(), 2), (ConfigError(), 3), (JobNotFound(), 3), (StorageTrouble(), 6)],
)
def test_codes_of_errors(error: MegaBatchError, code: int) -> None:
    assert exit_codes.of_error(error) == code
