"""The alerts, played by promtool: each fires when it ought to, and none where all is well."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.deploy.reading import MONITORING, ROOT

PLAY = Path(__file__).with_name("alerts.test.yml")
RULES = MONITORING / "alerts.yml"
PROMTOOL = shutil.which("promtool") or str(ROOT / ".cache/promtool/usr/bin/promtool")


def play(folder: Path, rules: str) -> subprocess.CompletedProcess[str]:
    (folder / RULES.name).write_text(rules)
    shutil.copy(PLAY, folder)
    command = [PROMTOOL, "test", "rules", PLAY.name]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_alerts_fire_as_they_ought_to(tmp_path: Path) -> None:
    ended = play(tmp_path, RULES.read_text())
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("right", "wrong"), [("sum(max by (unit)", "sum(sum by (unit)"), ("> 900", "> 90000")]
)
def test_a_wrong_rule_is_seen(tmp_path: Path, right: str, wrong: str) -> None:
    text = RULES.read_text()
    assert right in text
    assert play(tmp_path, text.replace(right, wrong)).returncode == 1


def test_each_alert_is_played_firing_and_silent() -> None:
    tests = yaml.safe_load(PLAY.read_text())["tests"]
    expected = [one for test in tests for one in test["alert_rule_test"]]
    groups = yaml.safe_load(RULES.read_text())["groups"]
    named = {rule["alert"] for group in groups for rule in group["rules"]}
    assert {one["alertname"] for one in expected if one.get("exp_alerts")} == named
    assert {one["alertname"] for one in expected if not one.get("exp_alerts")} == named


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.cluster.yml"])
def test_prometheus_can_read_its_configuration(tmp_path: Path, name: str) -> None:
    shutil.copy(RULES, tmp_path)
    (tmp_path / "key").write_text("a key")
    text = re.sub(r"/run/secrets/\S+", "key", (MONITORING / name).read_text())
    (tmp_path / "prometheus.yml").write_text(text)
    subprocess.run([PROMTOOL, "check", "config", "prometheus.yml"], cwd=tmp_path, check=True)
