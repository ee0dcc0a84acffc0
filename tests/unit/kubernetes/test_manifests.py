"""The manifests: valid for Kubernetes, of one piece, and true about the images that they run."""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from retrainer.serving.keys import needed_role
from tests.serving.world import Api
from tests.unit.kubernetes.objects import (
    EXAMPLE,
    FOLDER,
    NOT_APPLIED,
    Object,
    container,
    deployments,
    dockerfile,
    everywhere,
    kustomization,
    label,
    manifests,
    named,
    read,
)

DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
VERSIONS = ("1.30", kubernetes_validate.latest_version())
ALL = [*manifests(), *read(EXAMPLE)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("each", ALL, ids=label)
def test_a_manifest_is_valid_and_has_no_field_that_kubernetes_does_not_know(each: Object, version: str) -> None:
    kubernetes_validate.validate(each, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    deployment = yaml.safe_load(yaml.safe_dump(named("Deployment")["model-server"]))
    deployment["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError, match="livenessprobe"):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_every_file_but_values_and_example_is_applied() -> None:
    listed = kustomization()["resources"]

    assert sorted(listed) == sorted(path.name for path in FOLDER.glob("*.yaml") if path.name not in NOT_APPLIED)


def test_every_image_is_one_of_this_project_and_gets_a_digest() -> None:
    digests = {each["name"]: each["digest"] for each in kustomization()["images"]}
    run = {container(pod)["image"] for pod in deployments().values()}

    assert run == set(digests)
    assert all(DIGEST.match(digest) for digest in digests.values())
    assert all(dockerfile(name.removeprefix("retrainer-")) for name in run)


@pytest.mark.parametrize("pod", deployments().values(), ids=list(deployments()))
def test_a_pod_may_do_no_more_than_the_image_needs(pod: Object) -> None:
    user = re.search(r"useradd --uid (\d+) --gid (\d+)", dockerfile("base"))
    assert user
    assert [pod["securityContext"][key] for key in ("runAsUser", "runAsGroup")] == [
        int(number) for number in user.groups()
    ]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(pod)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert container(pod)["resources"].keys() == {"requests", "limits"}


@pytest.mark.parametrize("pod", deployments().values(), ids=list(deployments()))
def test_a_pod_can_write_where_the_image_has_to(pod: Object) -> None:
    mounts = {each["mountPath"]: each["name"] for each in container(pod)["volumeMounts"]}
    home = re.search(r"RETRAINER_HOME=(\S+)", dockerfile("base"))
    assert home

    assert {"/tmp", home[1]} <= mounts.keys()
    assert set(mounts.values()) == {each["name"] for each in pod["volumes"]}
    # A folder that is made on the way to a mount belongs to root: nothing else could be written into it.
    nested = [path for path in mounts if path.startswith(f"{home[1]}/")]
    assert all(str(PurePosixPath(path).parent) in mounts for path in nested)


def test_ports_are_those_of_the_images() -> None:
    pods = deployments()
    of_server = re.search(r"^EXPOSE (\d+)$", dockerfile("server"), re.MULTILINE)
    assert of_server
    assert container(pods["model-server"])["ports"] == [{"name": "http", "containerPort": int(of_server[1])}]

    arguments = container(pods["mlflow-server"])["args"]
    assert container(pods["mlflow-server"])["ports"] == [
        {"name": "http", "containerPort": int(arguments[arguments.index("--port") + 1])}
    ]


@pytest.mark.parametrize("service", manifests("Service"), ids=label)
def test_a_service_leads_to_the_port_of_pods_that_there_are(service: Object) -> None:
    (port,) = service["spec"]["ports"]
    chosen = [
        each
        for each in manifests("Deployment")
        if each["spec"]["template"]["metadata"]["labels"].items() >= service["spec"]["selector"].items()
    ]

    assert len(chosen) == 1
    (of_pod,) = container(chosen[0]["spec"]["template"]["spec"])["ports"]
    assert (port["targetPort"], port["port"]) == (of_pod["name"], of_pod["containerPort"])


def test_probes_of_the_server_ask_what_it_answers_without_a_key(tmp_path: Path) -> None:
    server = container(deployments()["model-server"])
    asked = {name: server[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}

    assert asked == {"startup": "/health/live", "liveness": "/health/live", "readiness": "/health/ready"}
    with Api(tmp_path).client() as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503  # there, and nothing is served yet
    assert all(needed_role(path) is None for path in asked.values())


def test_a_rolling_update_takes_no_server_away_before_the_next_one_is_ready() -> None:
    spec = named("Deployment")["model-server"]["spec"]

    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert "replicas" not in spec, "the HorizontalPodAutoscaler says how many there are"


def test_autoscaler_and_disruption_budget_are_about_the_server() -> None:
    server = named("Deployment")["model-server"]
    scaler, budget = named("HorizontalPodAutoscaler")["model-server"], named("PodDisruptionBudget")["model-server"]

    assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "model-server"}
    assert scaler["spec"]["minReplicas"] >= 2
    assert budget["spec"]["selector"] == server["spec"]["selector"]


@pytest.mark.parametrize("policy", manifests("NetworkPolicy"), ids=label)
def test_a_network_policy_lets_in_to_the_port_of_its_pods(policy: Object) -> None:
    pod = container(deployments()[policy["metadata"]["name"]])
    (allowed,) = policy["spec"]["ingress"]

    assert named("Deployment")[policy["metadata"]["name"]]["spec"]["selector"] == policy["spec"]["podSelector"]
    assert [each["port"] for each in allowed["ports"]] == [each["containerPort"] for each in pod["ports"]]
    assert allowed["from"], "everybody would be let in"


def test_the_server_may_go_where_its_settings_say() -> None:
    rules = named("NetworkPolicy")["model-server"]["spec"]["egress"]
    ports = {each["port"] for rule in rules for each in rule["ports"]}

    assert urlsplit(named("ConfigMap")["retrainer-settings"]["data"]["RETRAINER_MLFLOW_URI"]).port in ports
    assert {53, 443, 5432} <= ports


def test_what_a_manifest_names_is_there() -> None:
    pods = list(deployments().values())
    bindings = manifests("RoleBinding")

    assert {pod["serviceAccountName"] for pod in pods} <= named("ServiceAccount").keys()
    assert {each["name"] for binding in bindings for each in binding["subjects"]} <= named("ServiceAccount").keys()
    assert {binding["roleRef"]["name"] for binding in bindings} == named("Role").keys()
    assert set(everywhere(pods, "claimName")) <= named("PersistentVolumeClaim").keys()
    assert {each["name"] for each in everywhere(pods, "configMapRef")} <= named("ConfigMap").keys()


def test_there_are_no_secrets_among_what_is_applied() -> None:
    assert manifests("Secret") == []
    assert all(not value for each in read(EXAMPLE) for value in each["stringData"].values())


def test_a_claim_that_several_nodes_mount_can_be_mounted_by_them() -> None:
    assert {mode for claim in manifests("PersistentVolumeClaim") for mode in claim["spec"]["accessModes"]} == {
        "ReadWriteMany"
    }
