from collections.abc import Iterator

import msgspec
import pytest

from cli.doctor.case import Case
from cli.doctor.finding import Finding, Verdict
from core.config import Settings


def by_what(findings: Iterator[Finding]) -> dict[str, Finding]:
    found = list(findings)
    for finding in found:
        assert bool(finding.todo) is (finding.verdict is not Verdict.OK), finding
        assert finding.seen and not finding.seen.endswith(".")
    names = [finding.what for finding in found]
    assert len(set(names)) == len(names), names
    return dict(zip(names, found, strict=True))


def verdicts(found: dict[str, Finding]) -> dict[str, str]:
    return {what: str(finding.verdict) for what, finding in found.items()}


@pytest.fixture
def case(settings: Settings) -> Case:
    """A service of its own, with an empty Redis and storage."""
    return Case(settings=settings)


def changed(case: Case, **settings: object) -> Case:
    """The case, with these settings changed."""
    return msgspec.structs.replace(
        case, settings=msgspec.structs.replace(case.settings, **settings)
    )
