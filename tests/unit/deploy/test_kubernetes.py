"""The manifests: as Kubernetes's schemas want them, in one piece, and about things that exist.

KEDA's schema is in no package of the tools. Of its one resource we look at names and types
ourselves, as KEDA 2.21's documentation has them.
"""

import os
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from flask import Flask

from api.server import _GRACE as API_GRACE
from core.config import VARIABLES, Settings, read_settings
from core.queue import create_celery
from tests.unit.deploy.reading import (
    FOREIGN,
    KUBERNETES,
    OVERLAYS,
    ROOT,
    Fields,
    manifests,
    of_kind,
    ours,
    pods,
    printed,
    program,
)
from tests.unit.deploy.test_commands import check_command

#: The oldest that is still looked after when this is written, and the newest that the tools know.
VERSIONS = ("1.34", "1.37")
SECRET: Fields = yaml.safe_load((KUBERNETES / "secret.example.yaml").read_text())

pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_fit_the_schemas(overlay: str, version: str) -> None:
    known = [one for one in manifests(overlay) if "keda.sh" not in one["apiVersion"]]
    for one in [*known, SECRET]:
        kubernetes_validate.validate(one, version, strict=True)
    assert len(known) > 8


def test_a_mistake_is_seen(overlay: str) -> None:
    (one, *_) = of_kind(overlay, "Deployment")
    one["spec"]["template"]["spec"]["terminationGraceSeconds"] = 5
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, VERSIONS[0], strict=True)


def test_all_is_in_one_namespace(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace")
    others = [one["metadata"] for one in manifests(overlay) if one["kind"] != "Namespace"]
    named = {metadata.get("namespace") for metadata in others}
    assert named == {namespace["metadata"]["name"]} == {SECRET["metadata"]["namespace"]}


def test_commands_are_those_of_the_code(overlay: str) -> None:
    started = [tuple(container["args"]) for container in ours(overlay)]
    assert len(started) == len(set(started)) == 4
    for container in ours(overlay):
        check_command(container["args"])
        probe = container.get("livenessProbe", {})
        if "exec" in probe:
            check_command(probe["exec"]["command"])


def test_each_part_runs_all_the_time_but_the_detection_workers(overlay: str) -> None:
    found = of_kind(overlay, "Deployment", "StatefulSet")
    replicas = {one["metadata"]["name"]: one["spec"].get("replicas") for one in found}
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in of_kind(overlay, "ScaledObject")}
    # Whoever applied the manifests again would set the number back.
    assert {name for name, number in replicas.items() if number is None} == scaled
    assert scaled == {name for name in replicas if name.startswith("megabatch-detection-")}


def test_a_budget_never_forbids_every_eviction(overlay: str) -> None:
    (budget,) = of_kind(overlay, "PodDisruptionBudget")
    (guarded,) = (
        one
        for one in of_kind(overlay, "Deployment")
        if one["spec"]["selector"] == budget["spec"]["selector"]
    )
    assert 0 < budget["spec"]["minAvailable"] < guarded["spec"]["replicas"]


def test_nothing_runs_as_root_or_writes_where_it_should_not(overlay: str) -> None:
    for _, pod in pods(overlay):
        assert not pod["automountServiceAccountToken"]
        # Else there are variables MEGABATCH_API_... that are no settings.
        assert not pod["enableServiceLinks"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= set(container["resources"])


def test_our_containers_have_somewhere_to_write(overlay: str) -> None:
    for container in ours(overlay):
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert not mounts["/tmp"].get("readOnly")
        if "detection" in container["args"]:
            assert mounts["/models"]["readOnly"]


def test_volumes_are_there_and_used(overlay: str) -> None:
    claims = {one["metadata"]["name"] for one in of_kind(overlay, "PersistentVolumeClaim")}
    configs = {one["metadata"]["name"] for one in of_kind(overlay, "ConfigMap")}
    for name, pod in pods(overlay):
        if name == "redis":
            continue  # has its claim from a template
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        containers = [*pod["containers"], *pod.get("initContainers", ())]
        used = {mount["name"] for one in containers for mount in one["volumeMounts"]}
        assert used == set(volumes)
        mounted = [one.get("persistentVolumeClaim") for one in volumes.values()]
        assert {claim["claimName"] for claim in mounted if claim} <= claims
        configured = [one.get("configMap") for one in volumes.values()]
        assert {one["name"] for one in configured if one} <= configs


def test_selectors_select(overlay: str) -> None:
    found = of_kind(overlay, "Deployment", "StatefulSet")
    labels = [one["spec"]["template"]["metadata"]["labels"].items() for one in found]
    for one in found:
        assert one["spec"]["selector"]["matchLabels"].items() <= (
            one["spec"]["template"]["metadata"]["labels"].items()
        )
    for service in of_kind(overlay, "Service"):
        assert sum(service["spec"]["selector"].items() <= one for one in labels) == 1


def test_probes_and_services_find_a_port(overlay: str, app: Flask) -> None:
    ports: dict[str, int] = {}
    for name, pod in pods(overlay):
        (container,) = pod["containers"]
        ports |= {port["name"]: port["containerPort"] for port in container.get("ports", ())}
        for probe in ("livenessProbe", "readinessProbe"):
            asked = container.get(probe, {}).get("httpGet")
            if asked:
                assert asked["port"] in ports
                assert name in FOREIGN or app.url_map.bind("x").match(asked["path"])
    for service in of_kind(overlay, "Service"):
        (port,) = service["spec"]["ports"]
        assert ports[port["targetPort"]] == port["port"]
    (api,) = (one for one in ours(overlay) if "api" in one["args"])
    assert api["args"][-1] == str(ports["http"])


def test_whoever_stops_gets_the_time_that_it_takes(overlay: str) -> None:
    settings = Settings(storage_url="file:///data")
    soft = create_celery(settings, socket_timeout=1).conf.worker_soft_shutdown_timeout
    for name, pod in pods(overlay):
        if name in FOREIGN:
            continue
        before = pod["containers"][0].get("lifecycle", {}).get("preStop")
        waited = int(before["exec"]["command"][1]) if before else 0
        taken = API_GRACE if name == "megabatch-api" else soft
        assert waited + taken + 10 < pod["terminationGracePeriodSeconds"]


def environment(container: Fields, settings: Fields) -> dict[str, str]:
    """What the container finds in its environment, where the secret is filled in."""
    secret = {name: f"<{name}>" for name in SECRET["stringData"]}
    values: dict[str, str] = {}
    for one in container.get("env", ()):
        if "valueFrom" in one:
            value = secret[one["valueFrom"]["secretKeyRef"]["key"]]
        else:
            value = one["value"]
        for name, known in values.items():
            value = value.replace(f"$({name})", known)
        values[one["name"]] = value
    for source in container.get("envFrom", ()):
        (named,) = (part["name"] for part in source.values())
        assert named == "megabatch"
        values = (settings if "configMapRef" in source else secret) | values
    return values


def is_ours(config: Fields) -> bool:
    return bool(config["metadata"]["name"] == "megabatch")


def test_the_settings_can_be_read_and_are_the_same_everywhere(overlay: str) -> None:
    (config,) = (one for one in of_kind(overlay, "ConfigMap") if is_ours(one))
    known = {name for name, _, _ in VARIABLES}
    assert set(config["data"]) <= known
    read = []
    for container in ours(overlay):
        if container["args"][0] == "python":
            values = environment(container, config["data"])
            assert values["REDIS_URL"] == "redis://:<REDIS_PASSWORD>@redis:6379/0"
            read.append(read_settings(values))
    assert len(read) == 3 and all(one == read[0] for one in read)
    assert {str(one.model_folder) for one in read} == {"/models"}


def test_workers_are_scaled_by_the_work_of_their_own_model(overlay: str) -> None:
    allowed = {
        *("scaleTargetRef", "minReplicaCount", "maxReplicaCount"),
        *("cooldownPeriod", "fallback", "triggers"),
    }
    deployments = {one["metadata"]["name"]: one for one in of_kind(overlay, "Deployment")}
    for one in of_kind(overlay, "ScaledObject"):
        spec = one["spec"]
        assert one["apiVersion"] == "keda.sh/v1alpha1" and set(spec) == allowed
        target = deployments[spec["scaleTargetRef"]["name"]]["spec"]["template"]
        model = target["metadata"]["labels"]["megabatch/model"]
        assert target["spec"]["containers"][0]["args"][-2:] == ["--model", model]
        assert target["spec"]["initContainers"][0]["args"][-1] == model
        assert spec["minReplicaCount"] == 0 < spec["maxReplicaCount"]
        (trigger,) = spec["triggers"]
        assert set(trigger) == {"type", "metricType", "metadata"}
        assert (trigger["type"], trigger["metricType"]) == ("prometheus", "AverageValue")
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert set(trigger["metadata"]) == {
            *("serverAddress", "query", "threshold", "ignoreNullValues")
        }
        query = trigger["metadata"]["query"]
        assert query == f'max(megabatch_open_shards{{model="{model}"}})'


def test_weights_come_from_elsewhere_by_the_patch_of_the_page(overlay: str, tmp_path: Path) -> None:
    under = os.path.relpath(KUBERNETES / overlay, tmp_path.resolve())
    mine = f"resources:\n  - {under}\n{printed('initContainers/0/args')}"
    (tmp_path / "kustomization.yaml").write_text(mine)
    applied = yaml.safe_load_all(program("kubectl", "kustomize", str(tmp_path), folder=ROOT))
    (args,) = (
        one["spec"]["template"]["spec"]["initContainers"][0]["args"]
        for one in applied
        if one["kind"] == "Deployment" and "detection" in one["metadata"]["name"]
    )
    assert "--from" in args
    check_command(args)


def test_a_new_worker_waits_until_an_old_one_has_left_its_gpu(overlay: str) -> None:
    workers = [one for one in of_kind(overlay, "Deployment") if "detection" in str(one["metadata"])]
    assert workers and all(one["spec"]["strategy"] == {"type": "Recreate"} for one in workers)


def test_a_gpu_is_asked_for_where_there_is_to_be_one(overlay: str) -> None:
    asking = [
        container["args"]
        for container in ours(overlay)
        if container["resources"]["limits"].get("nvidia.com/gpu")
    ]
    images = {container["image"] for container in ours(overlay)}
    if overlay != "base":
        assert [args[3] for args in asking] == ["detection"]
        assert images == {"megabatch-api:latest", "megabatch-worker-gpu:latest"}
    else:
        assert asking == []
        assert images == {"megabatch-api:latest", "megabatch-worker:latest"}


def test_only_ours_reach_redis(overlay: str) -> None:
    (policy,) = of_kind(overlay, "NetworkPolicy")
    assert policy["spec"]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "redis"}
    (rule,) = policy["spec"]["ingress"]
    (allowed,) = rule["from"]
    (wanted,) = allowed["podSelector"]["matchExpressions"]
    found = {
        one["spec"]["template"]["metadata"]["labels"][wanted["key"]]
        for one in of_kind(overlay, "Deployment", "StatefulSet")
    }
    assert (wanted["operator"], set(wanted["values"])) == ("In", found - FOREIGN)


def test_the_secret_is_in_no_overlay(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == []
    assert set(SECRET["stringData"].values()) == {""}
