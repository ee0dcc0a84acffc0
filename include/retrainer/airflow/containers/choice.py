"""The runtime of a model whose steps run in containers."""

from collections.abc import Mapping
from dataclasses import dataclass

from airflow.sdk import Context

from retrainer.airflow.containers.surroundings import places, prediction_folder, refuse_unreachable
from retrainer.airflow.containers.task import TaskName, deployment_of
from retrainer.config.containers import Docker, Kubernetes
from retrainer.config.declaration import Runtime
from retrainer.config.runtime import RuntimeSettings
from retrainer.errors import ConfigurationError
from retrainer.runtimes.runtime import StepRuntime


@dataclass(frozen=True)
class Needs:
    """What a step needs: the worker's settings, the source's address where it reads it, its own time.

    `secrets` are the variables that hold what must not be in a request. `is_served`: the model server answers for the
    model. `collects`: the step reads what the server logged.
    """

    settings: RuntimeSettings
    source_url: str
    secrets: Mapping[str, str]
    time_seconds: float
    is_served: bool
    collects: bool

    def places(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The addresses without secrets that it needs in a container with this environment, by their names."""
        found = places(self.settings, is_served=self.is_served)
        logs = self.is_served and self.collects and self.settings.has_server
        return found | prediction_folder(environment) if logs else found


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

    settings = needs.settings
    has_own_network = docker.network != "host" and not docker.network.startswith("container:")
    environment = settings.container_environment(with_secrets=True) | settings.handed_through(docker.environment)
    with_secrets = {"ledger_url": settings.ledger_url} | ({"the source": needs.source_url} if needs.source_url else {})
    refuse_unreachable(
        needs.places(environment) | with_secrets,
        mounted=[mount.target for mount in docker.mounts],
        has_own_network=has_own_network,
    )
    return DockerRuntime(
        runtime,
        TaskName.of(context, deployment=deployment_of(settings)),
        url=settings.docker_url,
        environment={**environment, **needs.secrets},
        time_seconds=needs.time_seconds,
    )


def _kubernetes(runtime: Runtime, kubernetes: Kubernetes, context: Context, needs: Needs) -> StepRuntime:
    from retrainer.airflow.containers.kubernetes import KubernetesRuntime

    # The ledger's and the source's addresses may hold passwords, which anybody who may read pods would see: the pod
    # gets them from a Secret of the cluster.
    environment = needs.settings.container_environment(with_secrets=False)
    mounted = [volume.target for volume in kubernetes.volumes]
    refuse_unreachable(needs.places(environment), mounted=mounted, has_own_network=True)
    return KubernetesRuntime(runtime, context, environment=environment, time_seconds=needs.time_seconds)
