"""A Docker engine: the connection, the image, and the containers that are left over. Its errors become ours here."""

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import TypedDict

from airflow.providers.docker.hooks.docker import DockerHook
from airflow.sdk.exceptions import AirflowException
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from docker import APIClient
from retrainer.errors import ConfigurationError, RetrainerError, StepFailedError

TASK = "retrainer.task"
"""Label of a container: the task that it belongs to."""

UNTIL = "retrainer.until"
"""Label: the second (Unix time) after which nobody can be waiting for it any more."""

_REMOVAL_SECONDS = 30
_CALL_SECONDS = 60

logger = logging.getLogger(__name__)


class _Listed(TypedDict):
    """What is used of a container in a list of them."""

    Id: str
    Labels: dict[str, str]


def connect(url: str, *, registry_connection: str | None = None, timeout_seconds: int = _CALL_SECONDS) -> APIClient:
    """A client of the engine at `url`; where a connection is named, logged in to its registry.

    Raises:
        StepFailedError: the engine does not answer, or the registry refuses the login.
    """
    hook = DockerHook(docker_conn_id=registry_connection, base_url=url, version="auto", timeout=timeout_seconds)
    try:
        return hook.api_client
    except (AirflowException, DockerException, RequestException) as error:
        what = f"login by connection {registry_connection!r}: {error}" if registry_connection else "no answer"
        raise StepFailedError(
            f"the Docker engine at {url} cannot be used: {what}",
            hint="The setting docker_url says where it is; the worker's user has to be allowed to use it.",
        ) from error


@contextlib.contextmanager
def translated(doing: str, *, may_be_refused: bool = True) -> Iterator[None]:
    """An error of the engine as one of ours: what it refuses as it is is the declaration's fault, other things pass.

    Raises:
        ConfigurationError: the engine refuses the request (400, 404), where it may.
        StepFailedError: anything else.
    """
    try:
        yield
    except APIError as error:
        is_refused = may_be_refused and error.status_code in (400, 404)
        kind: type[RetrainerError] = ConfigurationError if is_refused else StepFailedError
        raise kind(f"{doing}: {error.explanation or error}") from error
    except (DockerException, RequestException) as error:
        raise StepFailedError(f"{doing}: the Docker engine did not answer: {error}") from error


def ensure_image(client: APIClient, image: str, *, url: str, registry_connection: str | None) -> None:
    """Pull `image` where the engine does not have it.

    Raises:
        ConfigurationError: there is no such image, or it has only an id and is not on the engine.
        StepFailedError: the registry did not answer.
    """
    with translated(f"looking for image {image}"):
        try:
            client.inspect_image(image)
        except APIError as error:
            if error.status_code != 404:
                raise
        else:
            return
    if image.startswith("sha256:"):
        raise ConfigurationError(
            f"image {image} is not on the Docker engine at {url}",
            hint="Build it there, or push it to a registry and name it as NAME@sha256:...",
        )
    logger.info("pulling %s", image)
    with_login = connect(url, registry_connection=registry_connection) if registry_connection else client
    with translated(f"pulling image {image}"):
        for message in with_login.pull(image, stream=True, decode=True):
            if "error" in message:
                raise StepFailedError(f"pulling image {image}: {message['error']}")


def sweep(client: APIClient, task: str) -> None:
    """Remove what an earlier try of `task` left, running or not, and what nobody can be waiting for any more.

    Raises:
        StepFailedError: it is still there after half a minute.
    """
    with translated("looking for containers of earlier tries"):
        for container in _labelled(client):
            labels = container["Labels"]
            is_overdue = labels.get(UNTIL, "").isdecimal() and int(labels[UNTIL]) < time.time()
            if labels.get(TASK) == task or is_overdue:
                logger.warning("removing container %s, left by %s", container["Id"][:12], labels.get(TASK))
                remove(client, container["Id"])


def remove(client: APIClient, container: str, *, grace_seconds: int | None = None) -> None:
    """Remove a container, after SIGINT and `grace_seconds` for its step where they are given.

    Raises:
        StepFailedError: it is still there after half a minute.
        docker.errors.APIError: the engine does not want to.
    """
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while time.monotonic() < deadline:
        try:
            if grace_seconds is not None:
                client.stop(container, timeout=grace_seconds)
            client.remove_container(container, force=True, v=True)
        except APIError as error:
            if error.status_code == 404:
                return
            if error.status_code != 409:  # somebody else is removing it
                raise
            time.sleep(0.1)
    raise StepFailedError(f"container {container[:12]} could not be removed in {_REMOVAL_SECONDS} s")


def remove_all(client: APIClient, task: str, *, grace_seconds: int) -> None:
    """Remove the containers of `task`, also one that has just been created."""
    for container in _labelled(client, f"{TASK}={task}"):
        remove(client, container["Id"], grace_seconds=grace_seconds)


def _labelled(client: APIClient, label: str = TASK) -> list[_Listed]:
    found: list[_Listed] = client.containers(all=True, filters={"label": label})
    return found
