import json

import msgspec
import pytest

from cli.doctor.finding import Finding, Part, Verdict, fault, ok, warning
from cli.doctor.showing import findings_table, summary, told_findings, worst_of
from cli.terminal import print_table

WELL = ok(Part.SPACE, "/a\x1b[31m\nb", "well")
WORSE = warning(Part.BROKER, "Redis", "odd: https://h/c?sig=canary.", "Run `megabatch keys list`.")
WORST = fault(Part.GPU, "it", "wrong", "Mend it.")


def test_each_finding_is_one_line_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(findings_table([WELL, WORSE]))
    head, well, worse = capsys.readouterr().out.splitlines()
    assert head.split() == ["VERDICT", "PART", "WHAT", "SEEN"]
    assert well.split() == ["ok", "space", "/a�[31m�b", "well"]
    assert "sig=<hidden>. Run `megabatch keys list`." in worse


def test_programs_are_told_no_secrets_either() -> None:
    told = json.loads(msgspec.json.encode(told_findings([WELL, WORSE])))
    assert told["verdict"] == "warning"
    assert told["findings"][1]["seen"] == "odd: https://h/c?sig=<hidden>"
    assert "\x1b" not in told["findings"][0]["what"]


@pytest.mark.parametrize(
    ("found", "worst"), [([], "ok"), ([WELL, WORSE, WELL], "warning"), ([WORST, WORSE], "fault")]
)
def test_the_worst_counts(found: list[Finding], worst: str) -> None:
    assert worst_of(found) is Verdict(worst)


def test_findings_are_counted() -> None:
    assert summary([WELL, WORSE, WORST, WORSE]) == "4 findings; faults: 1, warnings: 2."
