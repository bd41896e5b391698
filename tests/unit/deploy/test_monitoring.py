"""Prometheus, the alerts and the dashboard ask for metrics that exist, by labels that they have."""

import json
import re
from collections.abc import Iterator

import promql_parser
import pytest
import yaml
from flask import Flask

from api import service_metrics
from core.catalog import MODELS
from core.jobs import JobStatus
from core.messages import CONTROL_QUEUE
from tests.unit.api.test_metrics import PAGE, ROW
from tests.unit.deploy.reading import MONITORING, composed, of_kind, pods

#: Of Prometheus itself, and of NVIDIA's exporter.
FOREIGN = {"up": {"job", "instance"}, "DCGM_FI_DEV_GPU_UTIL": {"Hostname", "gpu"}}
#: What labels can be, where that is a closed list.
WORDS = {
    "result": {*service_metrics._IMAGES, *service_metrics._SHARDS},
    "state": set(service_metrics._STATES),
    "unit": set(service_metrics._UNITS),
    "task": set(service_metrics._TASKS),
    "model": set(MODELS),
    "queue": {*MODELS, CONTROL_QUEUE},
}
CONFIG = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((MONITORING / "grafana.json").read_text())["panels"]


def known() -> dict[str, set[str]]:
    """The labels of each metric that can be asked for. A test of the page holds it to the code."""
    found = dict(FOREIGN)
    for name, kind, labels in ROW.findall(PAGE):
        named = {*re.findall(r"`(\w+)`", labels), "instance", "job"}
        if kind == "histogram":
            found |= {
                f"{name}_bucket": named | {"le"},
                f"{name}_sum": named,
                f"{name}_count": named,
            }
        else:
            found[name] = named
    return found


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m")


def selectors(query: str) -> list[promql_parser.VectorSelector]:
    """Raises ValueError for a query that Prometheus would not understand."""
    found: list[promql_parser.VectorSelector] = []

    def look(part: promql_parser.Expr) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            found.append(part)

    promql_parser.walk(promql_parser.parse(query), look)
    return found


def faults(query: str) -> list[str]:
    """What a query asks for that there is not."""
    wrong = []
    labels = known()
    for one in selectors(query):
        if one.name is None or one.name not in labels:
            wrong.append(f"no metric {one.name}")
            continue
        for matcher in one.matchers.matchers:
            words = WORDS.get(matcher.name)
            if matcher.name not in labels[one.name]:
                wrong.append(f"{one.name} has no {matcher.name}")
            elif words and not set(matcher.value.split("|")) <= words:
                wrong.append(f"no {matcher.name} is {matcher.value}")
    grouped = set(re.findall(r"\b(?:by|on) \(([^)]*)\)", query))
    by = {name.strip() for group in grouped for name in group.split(",") if name.strip()}
    all_labels = {name for one in selectors(query) for name in labels.get(one.name or "", ())}
    return wrong + [f"grouped by {name}" for name in sorted(by - all_labels)]


@pytest.mark.parametrize("query", list(queries()))
def test_queries_ask_for_what_there_is(query: str) -> None:
    assert selectors(query)
    assert faults(query) == []


def test_workers_are_scaled_by_what_there_is() -> None:
    for one in of_kind("base", "ScaledObject"):
        assert [faults(trigger["metadata"]["query"]) for trigger in one["spec"]["triggers"]] == [[]]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("max(megabatch_shard)", "no metric megabatch_shard"),
        ('megabatch_shards{status="sent"}', "megabatch_shards has no status"),
        ('megabatch_shards{state="gone"}', "no state is gone"),
        ("rate(megabatch_images[5m])", "no metric megabatch_images"),
        ("max by (models) (megabatch_open_shards)", "grouped by models"),
    ],
)
def test_a_wrong_query_is_seen(query: str, fault: str) -> None:
    assert faults(query) == [fault]


def test_a_query_that_is_none_is_seen() -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        selectors("max by (model (megabatch_open_shards)")


def test_every_alert_says_what_it_means_and_how_urgent_it_is() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) > 5
    for rule in RULES:
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_statuses_of_the_dashboard_need_no_list() -> None:
    """A status or a code of failure that is added shows by itself."""
    assert not [one for one in queries() for status in JobStatus if f'"{status}"' in one]


def test_prometheus_is_told_of_the_api(
    app: Flask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (job,) = CONFIG["scrape_configs"]
    assert app.url_map.bind("x").match(job["metrics_path"])
    found = composed(tmp_path_factory.mktemp("compose"), "compose.yaml")
    (api,) = found["services"]["api"]["ports"]
    assert job["static_configs"] == [{"targets": [f"api:{api['target']}"]}]
    (secret,) = found["services"]["prometheus"]["secrets"]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret['source']}"
    mounted = {one["target"] for one in found["services"]["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in ("prometheus.yml", *CONFIG["rule_files"])} <= (
        mounted
    )


def test_prometheus_in_a_cluster_is_told_of_the_api() -> None:
    (job,) = yaml.safe_load((MONITORING / "prometheus.cluster.yml").read_text())["scrape_configs"]
    assert job["metrics_path"] == CONFIG["scrape_configs"][0]["metrics_path"]
    (found,) = job["dns_sd_configs"]
    (name,) = found["names"]
    services = {one["metadata"]["name"]: one["spec"] for one in of_kind("azure", "Service")}
    assert services[name]["clusterIP"] == "None"
    assert [port["port"] for port in services[name]["ports"]] == [found["port"]]
    (container,) = dict(pods("azure"))["prometheus"]["containers"]
    mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
    folder, _, _ = job["authorization"]["credentials_file"].rpartition("/")
    assert folder in mounted


def test_workers_are_scaled_by_that_prometheus() -> None:
    services = {one["metadata"]["name"]: one for one in of_kind("azure", "Service")}
    for one in of_kind("azure", "ScaledObject"):
        address = one["spec"]["triggers"][0]["metadata"]["serverAddress"]
        found = services["prometheus"]
        (port,) = found["spec"]["ports"]
        place = f"{found['metadata']['name']}.{found['metadata']['namespace']}"
        assert address == f"http://{place}:{port['port']}"


def test_panels_stand_side_by_side() -> None:
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in PANELS]
    assert len(set(places)) == len(PANELS) == len({one["id"] for one in PANELS})
    assert all(one["gridPos"]["x"] + one["gridPos"]["w"] <= 24 for one in PANELS)
