"""The runtime of a model whose steps run in containers."""

from collections.abc import Mapping
from dataclasses import dataclass

from airflow.sdk import Context

from retrainer.airflow.containers.surroundings import places, refuse_unreachable
from retrainer.airflow.containers.task import TaskName
from retrainer.config.containers import Docker, Kubernetes
from retrainer.config.declaration import Runtime
from retrainer.config.runtime import RuntimeSettings
from retrainer.errors import ConfigurationError
from retrainer.runtimes.runtime import StepRuntime


@dataclass(frozen=True)
class Needs:
    """What a step needs: the worker's settings, the source's address where it reads it, its own time.

    `secrets` are the variables that hold what must not be in a request.
    """

    settings: RuntimeSettings
    source_url: str
    secrets: Mapping[str, str]
    time_seconds: float


def container_runtime(runtime: Runtime, context: Context, needs: Needs) -> StepRuntime:
    """The runtime that `runtime.kind` names. The client of its engine or cluster is imported here.

    Raises:
        ConfigurationError: an address means nothing in a container, or a variable to hand through is not set.
    """
    if runtime.docker is not None:
        return _docker(runtime, runtime.docker, context, needs)
    if runtime.kubernetes is not None:
        return _kubernetes(runtime, runtime.kubernetes, context, needs)
    raise ConfigurationError(f"runtime.{runtime.kind}: is missing")


def _docker(runtime: Runtime, docker: Docker, context: Context, needs: Needs) -> StepRuntime:
    from retrainer.airflow.containers.docker import DockerRuntime

    has_own_network = docker.network != "host" and not docker.network.startswith("container:")
    refuse_unreachable(
        places(needs.settings, source_url=needs.source_url),
        mounted=[mount.target for mount in docker.mounts],
        has_own_network=has_own_network,
    )
    environment = needs.settings.container_environment(with_secrets=True)
    return DockerRuntime(
        runtime,
        TaskName.of(context),
        url=needs.settings.docker_url,
        environment={**environment, **needs.settings.handed_through(docker.environment), **needs.secrets},
        time_seconds=needs.time_seconds,
    )


def _kubernetes(runtime: Runtime, kubernetes: Kubernetes, context: Context, needs: Needs) -> StepRuntime:
    from retrainer.airflow.containers.kubernetes import KubernetesRuntime

    # The ledger's and the source's addresses may hold passwords, which anybody who may read pods would see: the pod
    # gets them from a Secret of the cluster.
    told = {"data_uri": needs.settings.data_uri, "mlflow_uri": needs.settings.mlflow_uri}
    refuse_unreachable(told, mounted=[volume.target for volume in kubernetes.volumes], has_own_network=True)
    return KubernetesRuntime(
        runtime,
        context,
        environment=needs.settings.container_environment(with_secrets=False),
        time_seconds=needs.time_seconds,
    )
