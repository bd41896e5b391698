"""How findings are shown, to people and to programs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from cli.doctor.finding import Finding, Verdict
from cli.terminal import advice, new_table, printable

_STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAULT: "red"}


def worst_of(found: Sequence[Finding]) -> Verdict:
    """The verdict on all of them together."""
    order = list(Verdict)
    return max((finding.verdict for finding in found), key=order.index, default=Verdict.OK)


def findings_table(found: Sequence[Finding]) -> Table:
    """A row for each."""
    table = new_table("VERDICT", "PART", "WHAT", "SEEN")
    for finding in found:
        verdict = Text(finding.verdict, _STYLES[finding.verdict])
        told = ". ".join(advice(text) for text in (finding.seen, finding.todo) if text)
        table.add_row(verdict, finding.part, printable(finding.what), told)
    return table


def told_findings(found: Sequence[Finding]) -> dict[str, Any]:
    """For programs: the verdict, and what it comes from."""
    rows = [
        {name: printable(text) for name, text in msgspec.structs.asdict(finding).items()}
        for finding in found
    ]
    return {"verdict": worst_of(found), "findings": rows}


def summary(found: Sequence[Finding]) -> str:
    """How many findings there are, and of them faults and warnings."""
    counts = Counter(finding.verdict for finding in found)
    told = f"faults: {counts[Verdict.FAULT]}, warnings: {counts[Verdict.WARNING]}"
    return f"{len(found)} findings; {told}."
