"""Where the steps run when not on the worker itself: in containers of a Docker engine, or in pods of a cluster."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from retrainer.config.near_miss import shown
from retrainer.config.section import ConnectionId, Flag, Mistake, Real, Section, Text, Whole, refuse

_DIGEST = r"sha256:[0-9a-f]{64}"
_NAME = r"[a-z0-9][A-Za-z0-9._/:\-]*"
_PINNED = re.compile(rf"^{_NAME}@{_DIGEST}$")
_IMAGE_ID = re.compile(rf"^{_DIGEST}$")
_ENVIRONMENT_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$", re.ASCII)
_KUBERNETES_NAME = re.compile(r"^[a-z0-9]([a-z0-9.\-]{0,251}[a-z0-9])?$", re.ASCII)
_DOCKER_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", re.ASCII)
_OF_A_PUSHED_IMAGE = "docker image inspect --format '{{ index .RepoDigests 0 }}' IMAGE"
_OF_A_LOCAL_IMAGE = "docker image inspect --format '{{ .Id }}' IMAGE"


def _pinned(image: str) -> str:
    if not _PINNED.match(image):
        raise ValueError(
            f"must be NAME@sha256:<64 hex digits>, got {_what(image)}; a pushed image's digest is shown by: "
            f"{_OF_A_PUSHED_IMAGE}"
        )
    return image


def _pinned_or_local(image: str) -> str:
    if not _PINNED.match(image) and not _IMAGE_ID.match(image):
        raise ValueError(
            f"must be NAME@sha256:<64 hex digits>, or sha256:<64 hex digits> of an image on the engine, got "
            f"{_what(image)}; the digest of a pushed image is shown by: {_OF_A_PUSHED_IMAGE}; the id of one that was "
            f"only built by: {_OF_A_LOCAL_IMAGE}"
        )
    return image


def _what(image: str) -> str:
    """The image as given, and what is wrong with it."""
    if "@" not in image and not image.startswith("sha256:"):
        return f"{shown(image)}, which may be another image tomorrow"
    return shown(image)


PinnedImage = Annotated[
    str, AfterValidator(_pinned), WithJsonSchema({"type": "string", "pattern": rf"^{_NAME}@{_DIGEST}$"})
]
"""An image of a registry by its digest."""

AnyImage = Annotated[
    str, AfterValidator(_pinned_or_local), WithJsonSchema({"type": "string", "pattern": rf"^({_NAME}@)?{_DIGEST}$"})
]
"""An image of a registry by its digest, or one that is on the engine by its id."""


def _named(pattern: re.Pattern[str], words: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.match(value):
            raise ValueError(f"must be {words}, got {shown(value)}")
        return value

    return AfterValidator(check)


def _absolute(path: str) -> str:
    if not path.startswith("/") or path == "/" or ".." in path.split("/") or "," in path:
        raise ValueError(f"must be an absolute path other than /, without .. and commas, got {shown(path)}")
    return path


def _environment_name(name: str) -> str:
    if not _ENVIRONMENT_NAME.match(name):
        # Not shown: after a sign of equality there may be a secret.
        raise ValueError(
            "must be the name of an environment variable without its value: letters, digits and _, no digit first"
        )
    return name


EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
"""An environment variable, by its name."""

KubernetesName = Annotated[
    str, _named(_KUBERNETES_NAME, "a Kubernetes name: lower-case letters, digits, - and ., at most 253 in all")
]
"""A namespace, a Secret, a claim, a service account."""

AbsolutePath = Annotated[str, AfterValidator(_absolute)]
"""A folder, from the root."""

Gpus = Annotated[Whole, Field(ge=0, le=64)]
"""How many GPUs."""


class Mount(Section):
    """A folder that a step's container shares with the engine's machine."""

    type: Literal["volume", "bind"] = "volume"
    """volume: a named volume of the engine. bind: a folder of the engine's machine, which must be there."""
    source: Text
    """Name of the volume, or the folder."""
    target: AbsolutePath
    """Where it is in the container. /tmp replaces the tmpfs that is there otherwise."""
    read_only: Flag = False
    """Steps only read from it."""

    @model_validator(mode="after")
    def _source_of_its_type(self) -> Self:
        refuse("Mount", self._mistakes())
        return self

    def _mistakes(self) -> list[Mistake]:
        if self.type == "bind" and not self.source.startswith("/"):
            return [(("source",), f"must be an absolute path where type is bind, got {shown(self.source)}")]
        if self.type == "volume" and not _DOCKER_NAME.match(self.source):
            return [
                (("source",), f"must be a volume's name, got {shown(self.source)}; a folder is mounted by type: bind")
            ]
        return []


class Docker(Section):
    """A container for each step, on the Docker engine at the setting docker_url."""

    image: AnyImage
    """The image of the steps: NAME@sha256:..., or the id sha256:... of one that is on the engine."""
    network: Annotated[
        str, _named(re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.:\-]*$"), "a network's name, bridge, host or none")
    ] = "bridge"
    """Network that the container joins. It has to reach MLflow, the ledger, the source and the data."""
    mounts: tuple[Mount, ...] = ()
    """Folders that it shares. Its root is read only; without a mount it can write to /tmp alone."""
    environment: tuple[EnvironmentName, ...] = ()
    """Names of variables of the worker that are handed in as they are, such as AWS_ACCESS_KEY_ID. Never values."""
    gpus: Gpus = 0
    """GPUs that it gets."""
    tmp_mb: Whole = Field(default=1024, ge=16)
    """Size of /tmp in megabytes of 2**20 bytes. It is kept in memory and counts towards limits.memory_mb."""
    pids: Whole = Field(default=2048, ge=64)
    """Processes and threads that it may have at once."""
    registry_connection: ConnectionId | None = None
    """Airflow connection (type docker) of the registry that the image is pulled from. Default: none, no login."""

    @model_validator(mode="after")
    def _targets_differ(self) -> Self:
        targets = [mount.target for mount in self.mounts]
        refuse(
            "Docker",
            [
                (("mounts", index, "target"), f"{target} is mounted twice")
                for index, target in enumerate(targets)
                if target in targets[:index]
            ],
        )
        return self


class Toleration(Section):
    """A taint of nodes that the pod puts up with."""

    key: Text
    """Key of the taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Exists: whatever its value."""
    value: Text | None = None
    """Its value, where the operator is Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Default: each."""


class Claim(Section):
    """A PersistentVolumeClaim that the pod mounts."""

    claim: KubernetesName
    """Its name."""
    target: AbsolutePath
    """Where it is in the container."""
    read_only: Flag = False
    """Steps only read from it."""


class Requests(Section):
    """What a node must have free for a pod. What it may use at most is said in runtime.limits."""

    cpus: Real | None = Field(default=None, gt=0)
    """Processors. Default: runtime.limits.cpus."""
    memory_mb: Whole | None = Field(default=None, ge=64)
    """Memory in megabytes of 2**20 bytes. Default: runtime.limits.memory_mb."""


class Kubernetes(Section):
    """A pod for each step, in the cluster of an Airflow connection."""

    image: PinnedImage
    """The image of the steps, NAME@sha256:..."""
    connection: ConnectionId = "kubernetes_default"
    """Airflow connection of the cluster. Default: kubernetes_default, and without it the worker's own cluster."""
    namespace: KubernetesName = "default"
    """Namespace of the pods."""
    service_account: KubernetesName | None = None
    """Service account of the pods; its token is not mounted. Default: the namespace's."""
    image_pull_secrets: tuple[KubernetesName, ...] = ()
    """Secrets by which nodes pull the image."""
    secrets: tuple[KubernetesName, ...] = ()
    """Secrets whose keys become environment variables: RETRAINER_LEDGER_URL, RETRAINER_CONN_<ID> of the source, ..."""
    config_maps: tuple[KubernetesName, ...] = ()
    """ConfigMaps whose keys become environment variables."""
    node_selector: dict[Text, str] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints of nodes that the pods put up with."""
    requests: Requests = Requests()
    """What a node must have free."""
    gpus: Gpus = 0
    """GPUs that a step gets."""
    gpu_resource: Text = "nvidia.com/gpu"
    """What the cluster calls a GPU."""
    volumes: tuple[Claim, ...] = ()
    """Claims that are mounted. The root is read only; without one a step can write to /tmp alone."""
    tmp_mb: Whole = Field(default=10_240, ge=16)
    """Size of /tmp on the node's disk, in megabytes of 2**20 bytes."""
    user: Whole = Field(default=10_001, ge=1)
    """Number of the user and of the group that a step runs as. Default: that of the image `steps`."""
    start_minutes: Whole = Field(default=10, ge=1, le=1440)
    """How long a pod may wait for a node, and then as long for its image, on top of limits.timeout_minutes."""
