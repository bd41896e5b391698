"""What is Azure's own in the overlay for its Kubernetes, and what docs/azure.md says of it."""

from tests.unit.deploy.reading import Fields, of_kind, pods


def overlaid(name: str) -> Fields:
    (found,) = (pod for pod_name, pod in pods("azure") if pod_name.startswith(name))
    return found


def test_all_of_ours_have_the_identity() -> None:
    for one in of_kind("azure", "Deployment"):
        template = one["spec"]["template"]
        mine = one["metadata"]["name"].startswith("megabatch-")
        label = template["metadata"]["labels"].get("azure.workload.identity/use")
        named = template["spec"].get("serviceAccountName")
        assert (label, named) == (("true", "megabatch") if mine else (None, None))


def test_detection_alone_runs_on_spot_nodes_with_a_gpu() -> None:
    key = "kubernetes.azure.com/scalesetpriority"
    detection = overlaid("megabatch-detection")
    assert detection["nodeSelector"] == {key: "spot"}
    assert {one["key"] for one in detection["tolerations"]} == {key, "nvidia.com/gpu"}
    for name in ("megabatch-api", "megabatch-control"):
        assert "nodeSelector" not in overlaid(name)


def test_the_weights_lie_where_several_nodes_can_mount_them() -> None:
    claims = {
        one["metadata"]["name"]: one["spec"] for one in of_kind("azure", "PersistentVolumeClaim")
    }
    assert claims["models"]["storageClassName"].startswith("azurefile")
    assert claims["models"]["accessModes"] == ["ReadWriteMany"]
