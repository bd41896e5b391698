"""What docs/operations.md, azure.md and privacy.md say is so."""

import json
import re
from datetime import timedelta
from pathlib import Path

import yaml

from api.body import MAX_BODY_BYTES
from core.config import Settings
from core.retention import KEPT_AFTER_END, REMEMBERED
from tests.unit.test_docs import code, rows

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text()
AZURE = (ROOT / "docs/azure.md").read_text()
PRIVACY = (ROOT / "docs/privacy.md").read_text()
HOUR = 3600
MILLION = 1_000_000


def test_each_alert_has_its_row_and_its_urgency() -> None:
    groups = yaml.safe_load((ROOT / "deploy/monitoring/alerts.yml").read_text())["groups"]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    told = {code(row[0]): row for row in rows(OPERATIONS, "Watching")}
    assert list(told) == list(rules)
    for name, (_, urgent, meaning, what_to_do) in told.items():
        assert urgent == rules[name]["labels"]["severity"]
        assert meaning.endswith(".") and len(what_to_do) > 60


def test_hours_and_costs_follow_from_the_speed() -> None:
    table = [row for row in rows(OPERATIONS, "Size and cost") if len(row) == 5]
    assert len(table) > 4
    for name, speed, hours, days, cost in table:
        exact = MILLION / float(speed) / HOUR
        one, eight = days.split(", ")
        assert (hours, cost) == (f"{exact:.0f}", f"{exact:.0f}"), name
        assert (one, eight) == (f"{exact / 24:.1f}", f"{exact / 24 / 8:.1f}"), name


def test_azures_rule_leaves_what_megabatch_would_delete_itself_time_to_go() -> None:
    (rule,) = json.loads((ROOT / "deploy/azure-lifecycle.json").read_text())["rules"]
    (prefix,) = rule["definition"]["filters"]["prefixMatch"]
    container, _, below = prefix.partition("/")
    assert re.search(rf"container-rm create .* --name {container}$", AZURE, re.MULTILINE)
    assert below == "jobs/"
    days = rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
    assert days == Settings().retention_days + 60
    assert timedelta(days=60) > 2 * KEPT_AFTER_END
    for number in (days, Settings().retention_days, KEPT_AFTER_END.days):
        assert re.search(rf"\b{number}\b", AZURE)


def test_times_of_the_privacy_page_are_the_codes() -> None:
    assert f"{REMEMBERED.days} days" in PRIVACY
    assert f"{KEPT_AFTER_END.days} days after its end" in PRIVACY
    assert f"`MEGABATCH_RETENTION_DAYS`, {Settings().retention_days} unless set" in PRIVACY


def test_numbers_of_the_operations_page_are_the_codes() -> None:
    assert Settings().control_processes == 4 and "control worker has four processes" in OPERATIONS
    assert MAX_BODY_BYTES == 8 * 1024 * 1024 and "bodies of 8 MB" in OPERATIONS.replace("\n", " ")
