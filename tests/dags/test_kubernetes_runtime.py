"""The kubernetes runtime: the pod that Airflow's operator builds, and how each way to end comes out."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import kubernetes_validate
import pytest
from airflow.dag_processing.dagbag import DagBag
from kubernetes.client import ApiClient

from retrainer.airflow.containers.kubernetes import KubernetesRuntime
from retrainer.airflow.containers.pod import pod_operator
from retrainer.config.declaration import Runtime
from retrainer.contracts import Interval, StepRequest
from retrainer.errors import BadDataError, ConfigurationError, StepFailedError
from retrainer.runtimes.outcome import StepOutcome
from tests.dags.cluster import Cluster, running_cluster
from tests.dags.conftest import PROJECT, Declare, build_context

FIRST = datetime(2013, 6, 1, tzinfo=UTC)
IMAGE = f"registry.example/retrainer-steps@sha256:{'3f1b' * 16}"
VERSIONS = ("1.30", kubernetes_validate.latest_version())
FULL = {
    "image": IMAGE,
    "connection": "cluster",
    "namespace": "retrainer",
    "service_account": "retrainer-step",
    "image_pull_secrets": ["registry"],
    "secrets": ["retrainer"],
    "config_maps": ["places"],
    "node_selector": {"pool": "training"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "requests": {"cpus": 2, "memory_mb": 4096},
    "gpus": 1,
    "volumes": [{"claim": "retrainer-data", "target": "/data"}],
    "tmp_mb": 20480,
    "start_minutes": 15,
}
LIMITS = {"memory_mb": 8192, "cpus": 3.5, "timeout_minutes": 60}


def runtime(**kubernetes: Any) -> Runtime:
    section = {"image": IMAGE, "connection": "cluster"} | kubernetes
    return Runtime.model_validate({"kind": "kubernetes", "limits": LIMITS, "kubernetes": section})


def request(step: str = "train", **config: Any) -> StepRequest:
    return StepRequest(
        step=step,
        model="flight_delay",
        config=config,
        interval=Interval(start=FIRST, end=FIRST + timedelta(days=1)),
        as_of=FIRST,
        seed=1,
        run_id="a_run",
    )


def context() -> Any:
    return build_context() | {"run_id": "a_run", "dag": None}


def built(declared: Runtime, asked: StepRequest) -> dict[str, Any]:
    """The pod, as it goes over the wire."""
    environment = {"RETRAINER_DATA_URI": "s3://bucket/retrainer"}
    operator = pod_operator(declared, asked, environment=environment, time_seconds=3600)
    pod = operator.build_pod_request_obj(context(), dry_run=True)
    found: dict[str, Any] = ApiClient().sanitize_for_serialization(pod)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("section", [{}, FULL], ids=["only an image", "everything"])
@pytest.mark.parametrize("size", [0, 2_000_000], ids=["small request", "2 MB request"])
def test_the_pod_is_one_that_kubernetes_takes(version: str, section: dict[str, Any], size: int) -> None:
    pod = built(runtime(**section), request(pad="pad " * (size // 4)))

    kubernetes_validate.validate(pod, version, strict=True)
    assert len(json.dumps(pod)) < 1_400_000


def test_its_resources_its_node_and_its_account_are_as_declared() -> None:
    pod = built(runtime(**FULL), request())
    spec, (container,) = pod["spec"], pod["spec"]["containers"]

    assert container["image"] == IMAGE
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "4096Mi", "nvidia.com/gpu": "1"},
        "limits": {"cpu": "3.5", "memory": "8192Mi", "nvidia.com/gpu": "1"},
    }
    assert spec["nodeSelector"] == {"pool": "training"}
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("retrainer-step", False)
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["metadata"]["namespace"] == "retrainer"
    assert spec["activeDeadlineSeconds"] == 15 * 60 + 3600 + 60


def test_a_pod_that_asks_for_nothing_special_gets_what_it_may_use() -> None:
    (container,) = built(runtime(), request())["spec"]["containers"]
    assert container["resources"]["requests"] == container["resources"]["limits"] == {"cpu": "3.5", "memory": "8192Mi"}


def test_it_runs_as_no_root_with_a_root_that_is_read_only_and_without_capabilities() -> None:
    spec = built(runtime(**FULL), request())["spec"]
    (container,) = spec["containers"]

    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [(each["name"], each["mountPath"]) for each in container["volumeMounts"]] == [
        ("tmp", "/tmp"),
        ("volume-0", "/data"),
    ]
    assert spec["volumes"] == [
        {"name": "tmp", "emptyDir": {"sizeLimit": "20480Mi"}},
        {"name": "volume-0", "persistentVolumeClaim": {"claimName": "retrainer-data", "readOnly": False}},
    ]


def test_its_secrets_come_from_the_cluster_and_no_service_looks_like_a_setting() -> None:
    spec = built(runtime(**FULL), request())["spec"]
    (container,) = spec["containers"]

    assert container["envFrom"] == [{"configMapRef": {"name": "places"}}, {"secretRef": {"name": "retrainer"}}]
    assert {"name": "RETRAINER_DATA_URI", "value": "s3://bucket/retrainer"} in container["env"]
    assert spec["enableServiceLinks"] is False


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster whose pods end at once, under the connection `cluster`."""
    cluster = Cluster()
    cluster.may_end.set()
    with running_cluster(cluster) as address:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            "clusters": [{"name": "tests", "cluster": {"server": address}}],
            "users": [{"name": "tests", "user": {}}],
        }
        extra = {"kube_config": json.dumps(config)}
        monkeypatch.setenv("AIRFLOW_CONN_CLUSTER", json.dumps({"conn_type": "kubernetes", "extra": extra}))
        yield cluster


def run(**kubernetes: Any) -> StepOutcome:
    step = KubernetesRuntime(runtime(**kubernetes), context(), environment={}, time_seconds=60)
    return step.run(request(), print)


def test_its_result_is_read_from_its_log_and_the_pod_is_deleted(cluster: Cluster) -> None:
    cluster.log = ["training", 'retrainer-result: {"rows": 3}', "after it"]

    assert run() == StepOutcome(0, result={"rows": 3}, runtime="kubernetes")
    (pod,) = cluster.created
    assert cluster.deleted == [pod["metadata"]["name"]]


def test_what_the_step_said_is_the_error(cluster: Cluster) -> None:
    cluster.log = ['retrainer-error: {"kind": "BadDataError", "message": "dest is missing"}']
    cluster.ended = {"exitCode": 78, "reason": "Error"}

    with pytest.raises(BadDataError, match="train: dest is missing"):
        run().require_result("train")
    assert len(cluster.deleted) == 1


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        ({"exitCode": 137, "reason": "OOMKilled"}, "memory limit 8192 MB exceeded"),
        ({"exitCode": 124, "reason": "Error"}, "time limit 60 s exceeded"),
        ({"exitCode": 143, "reason": "Error"}, "killed by SIGTERM"),
    ],
    ids=["memory", "time", "killed"],
)
def test_a_pod_that_was_ended_says_why(ended: dict[str, Any], message: str, cluster: Cluster) -> None:
    cluster.ended = ended

    with pytest.raises(StepFailedError, match=f"train: {message}"):
        run().require_result("train")


@pytest.mark.parametrize(("status", "error"), [(403, ConfigurationError), (409, StepFailedError)])
def test_what_the_api_server_says_of_a_pod_decides_whether_to_try_again(
    status: int, error: type[Exception], cluster: Cluster
) -> None:
    cluster.refuses = status

    with pytest.raises(error, match=f"the Kubernetes API server answers {status}.*pods may not be created"):
        run()


def test_a_pod_that_cannot_start_says_why_and_is_deleted(cluster: Cluster) -> None:
    cluster.waiting = {"reason": "InvalidImageName", "message": "no such image"}

    with pytest.raises(StepFailedError, match=r"train: Image cannot be pulled.*InvalidImageName; no such image"):
        run()
    assert cluster.pods == {}


def test_a_wait_for_a_node_and_an_image_is_not_the_steps_time(declare: Declare) -> None:
    section = f"runtime:\n  kind: kubernetes\n  kubernetes: {{ image: '{IMAGE}', start_minutes: 15 }}\n"
    declare("one", ("runtime:\n  kind: process\n", section))
    dag = DagBag(PROJECT / "dags" / "train.py").dags["one__train"]

    assert dag.get_task("train").execution_timeout == timedelta(minutes=2 * 15 + 30 + 5)
    assert dag.get_task("wait_for_data").execution_timeout == timedelta(minutes=2 * 15 + 10)


def test_a_cancelled_step_leaves_no_pod(cluster: Cluster) -> None:
    cluster.may_end.clear()
    step = KubernetesRuntime(runtime(), context(), environment={}, time_seconds=60)
    found: list[StepOutcome] = []
    thread = threading.Thread(target=lambda: found.append(step.run(request(), print)))
    thread.start()
    assert cluster.followed.wait(60)

    step.cancel()
    thread.join(60)

    assert cluster.pods == {}
    assert [outcome.reason for outcome in found] == ["cancelled"]
