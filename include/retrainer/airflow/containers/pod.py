"""The pod of a step, as Airflow's KubernetesPodOperator makes it."""

import contextlib
from collections.abc import Mapping
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.pod_generator import make_safe_label_value
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import models as k8s

from retrainer.config.containers import Kubernetes, Toleration
from retrainer.config.declaration import Limits, Runtime
from retrainer.contracts import StepRequest
from retrainer.errors import ConfigurationError
from retrainer.runtimes.command import step_command
from retrainer.runtimes.environment import step_environment

_GRACE_SECONDS = 10
_MARGIN_SECONDS = 60
_TMP = "/tmp"  # noqa: S108 a folder of the container


class StepPodOperator(KubernetesPodOperator):
    """An operator that leaves it to others to say how its pod ended."""

    def cleanup(self, *args: Any, **kwargs: Any) -> None:
        """Delete the pod. That it failed would take the place of the error that says why it never ran."""
        with contextlib.suppress(AirflowException):
            super().cleanup(*args, **kwargs)


def pod_operator(
    runtime: Runtime, request: StepRequest, *, environment: Mapping[str, str], time_seconds: float
) -> KubernetesPodOperator:
    """The operator that runs `request` in a pod and deletes it in any case. It is not the task's own operator.

    A pod of an earlier try whose worker was killed is not started again: the operator goes on watching it.

    Args:
        runtime: with the section kubernetes.
        request: what the pod is to do.
        environment: variables beside those of the image; no secrets, which the pod gets from the cluster.
        time_seconds: the step's own time limit.

    Raises:
        ConfigurationError: there is no section kubernetes, or the request is too large.
    """
    kubernetes = runtime.kubernetes
    if kubernetes is None:
        raise ConfigurationError("runtime.kubernetes: is missing")
    start_seconds = kubernetes.start_minutes * 60
    return StepPodOperator(
        task_id=request.step,
        name=f"{request.model}-{request.step}".replace("_", "-"),
        namespace=kubernetes.namespace,
        kubernetes_conn_id=kubernetes.connection,
        image=kubernetes.image,
        arguments=step_command(request, time_seconds=time_seconds),
        env_vars=step_environment(environment),
        env_from=_env_from(kubernetes),
        container_resources=_resources(kubernetes, runtime.limits),
        volumes=_volumes(kubernetes),
        volume_mounts=_volume_mounts(kubernetes),
        node_selector=dict(kubernetes.node_selector),
        tolerations=[_toleration(each) for each in kubernetes.tolerations],
        service_account_name=kubernetes.service_account,
        automount_service_account_token=False,
        image_pull_secrets=[k8s.V1LocalObjectReference(name=name) for name in kubernetes.image_pull_secrets],
        labels=_labels(request),
        annotations={"retrainer/request": request.identity()},
        security_context=_of_the_pod(kubernetes.user),
        container_security_context=_of_the_container(),
        # A Service called retrainer-... would otherwise put variables that look like settings into every pod.
        full_pod_spec=k8s.V1Pod(spec=k8s.V1PodSpec(containers=[], enable_service_links=False)),
        startup_timeout_seconds=start_seconds,
        termination_grace_period=_GRACE_SECONDS,
        active_deadline_seconds=round(start_seconds + time_seconds + _MARGIN_SECONDS),
        on_finish_action="delete_pod",
        on_kill_action="delete_pod",
        container_name_log_prefix_enabled=False,
        log_events_on_failure=True,
        log_pod_spec_on_failure=False,
        do_xcom_push=False,
        deferrable=False,
    )


def _labels(request: StepRequest) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "retrainer-step",
        "app.kubernetes.io/part-of": "retrainer",
        "retrainer/model": make_safe_label_value(request.model),
        "retrainer/step": make_safe_label_value(request.step),
    }


def _env_from(kubernetes: Kubernetes) -> list[k8s.V1EnvFromSource]:
    """A Secret wins over a ConfigMap of the same key: the last one does."""
    maps = [k8s.V1EnvFromSource(config_map_ref=k8s.V1ConfigMapEnvSource(name=name)) for name in kubernetes.config_maps]
    secrets = [k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=name)) for name in kubernetes.secrets]
    return maps + secrets


def _resources(kubernetes: Kubernetes, limits: Limits) -> k8s.V1ResourceRequirements:
    gpus = {kubernetes.gpu_resource: str(kubernetes.gpus)} if kubernetes.gpus else {}
    at_most = _amounts(limits.cpus, limits.memory_mb) | gpus
    at_least = _amounts(kubernetes.requests.cpus or limits.cpus, kubernetes.requests.memory_mb or limits.memory_mb)
    return k8s.V1ResourceRequirements(requests=at_least | gpus, limits=at_most)


def _amounts(cpus: float | None, memory_mb: int) -> dict[str, str]:
    return ({"cpu": f"{cpus:g}"} if cpus else {}) | {"memory": f"{memory_mb}Mi"}


def _volumes(kubernetes: Kubernetes) -> list[k8s.V1Volume]:
    claims = [
        k8s.V1Volume(
            name=f"volume-{number}",
            persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource(
                claim_name=each.claim, read_only=each.read_only
            ),
        )
        for number, each in enumerate(kubernetes.volumes)
    ]
    scratch = k8s.V1EmptyDirVolumeSource(size_limit=f"{kubernetes.tmp_mb}Mi")
    return [k8s.V1Volume(name="tmp", empty_dir=scratch), *claims]


def _volume_mounts(kubernetes: Kubernetes) -> list[k8s.V1VolumeMount]:
    claims = [
        k8s.V1VolumeMount(name=f"volume-{number}", mount_path=each.target, read_only=each.read_only)
        for number, each in enumerate(kubernetes.volumes)
    ]
    return [k8s.V1VolumeMount(name="tmp", mount_path=_TMP), *claims]


def _toleration(each: Toleration) -> k8s.V1Toleration:
    return k8s.V1Toleration(key=each.key, operator=each.operator, value=each.value, effect=each.effect)


def _of_the_pod(user: int) -> k8s.V1PodSecurityContext:
    return k8s.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user,
        fs_group=user,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    )


def _of_the_container() -> k8s.V1SecurityContext:
    return k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
    )
