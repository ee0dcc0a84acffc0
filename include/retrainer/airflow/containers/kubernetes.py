"""The `kubernetes` runtime: a step in a pod, through Airflow's KubernetesPodOperator."""

import contextlib
import logging
import signal
from collections.abc import Mapping

from airflow.providers.cncf.kubernetes.callbacks import KubernetesPodOperatorCallback
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import CoreV1Api
from kubernetes.client import models as k8s
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError

from retrainer.airflow.containers.pod import pod_operator
from retrainer.config.declaration import Runtime
from retrainer.contracts import StepRequest
from retrainer.errors import EXIT_RETRYABLE, ConfigurationError, RetrainerError, StepFailedError
from retrainer.runtimes.command import TIMED_OUT
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.output import Log, StepOutput

_REFUSED = (400, 403, 404, 422)
"""What the API server answers to a pod that it will never take: not valid, not allowed, no such namespace."""

_KILLED = 128 + signal.SIGKILL

logger = logging.getLogger(__name__)


class KubernetesRuntime:
    """Runs one step. `cancel` may be called before, and from a signal handler.

    `runtime` has the section kubernetes; `environment` is added to that of the image and holds no secrets.
    """

    def __init__(
        self, runtime: Runtime, context: Context, *, environment: Mapping[str, str], time_seconds: float
    ) -> None:
        self._runtime = runtime
        self._context = context
        self._environment = environment
        self._time_seconds = time_seconds
        self._operator: KubernetesPodOperator | None = None
        self._is_cancelled = False

    def run(self, request: StepRequest, _: Log) -> StepOutcome:
        """Run the step. The operator writes its lines to the task's log itself.

        Raises:
            ConfigurationError: the API server refuses the pod as it is.
            StepFailedError: the pod did not start in time, or the API server did not answer.
        """
        output = StepOutput(lambda _: None)
        operator = pod_operator(self._runtime, request, environment=self._environment, time_seconds=self._time_seconds)
        operator.callbacks = [_Listener(output)]  # type: ignore[list-item]
        if self._is_cancelled:
            return self._cancelled(output)
        self._operator = operator
        try:
            # Not `execute`: it warns that an operator runs within another one.
            operator.execute_sync(self._context)
        except (AirflowException, ApiException, ConfigException, HTTPError) as error:
            if self._is_cancelled:
                return self._cancelled(output)
            if _ended(operator.remote_pod) is None and not _pod_reason(operator.remote_pod):
                raise _as_error(request.step, error) from error
        return self._outcome(operator.remote_pod, output)

    def cancel(self) -> None:
        """Delete the pod."""
        self._is_cancelled = True
        if self._operator is not None:
            self._operator.on_kill()

    def _cancelled(self, output: StepOutput) -> StepOutcome:
        return output.outcome(-signal.SIGTERM, reason="cancelled", runtime="kubernetes")

    def _outcome(self, pod: k8s.V1Pod, output: StepOutput) -> StepOutcome:
        ended = _ended(pod)
        status = ended.exit_code if ended else EXIT_RETRYABLE
        reason = self._why(ended, of_pod=_pod_reason(pod))
        return output.outcome(128 - status if status > 128 else status, reason=reason, runtime="kubernetes")

    def _why(self, ended: k8s.V1ContainerStateTerminated | None, *, of_pod: str) -> str:
        if self._is_cancelled:
            return "cancelled"
        if ended is not None and ended.reason == "OOMKilled":
            return f"memory limit {self._runtime.limits.memory_mb} MB exceeded (killed by the kernel)"
        if of_pod.startswith("DeadlineExceeded") or (ended is not None and self._is_over_time(ended)):
            return f"time limit {self._time_seconds:g} s exceeded"
        if of_pod:
            return f"its pod was ended: {of_pod}"
        return "" if ended is not None else "its pod ended before the step did"

    def _is_over_time(self, ended: k8s.V1ContainerStateTerminated) -> bool:
        if ended.exit_code != _KILLED or not ended.started_at or not ended.finished_at:
            return bool(ended.exit_code == TIMED_OUT)
        return bool((ended.finished_at - ended.started_at).total_seconds() >= self._time_seconds)


class _Listener(KubernetesPodOperatorCallback):
    """Reads the step's result out of its log. The operator calls these methods on whatever is in its list."""

    def __init__(self, output: StepOutput) -> None:
        self._output = output

    def progress_callback(self, *, line: str, **_: object) -> None:  # type: ignore[override]
        """A line of the log has come."""
        self._output.take(line)

    def on_pod_completion(self, *, pod: k8s.V1Pod, client: CoreV1Api, **_: object) -> None:  # type: ignore[override]
        """The log has ended. Where it was cut before the result came, read it once more."""
        if not pod or self._output.result is not None or self._output.error:
            return
        with contextlib.suppress(ApiException, HTTPError):
            name, namespace = pod.metadata.name, pod.metadata.namespace
            text = client.read_namespaced_pod_log(name, namespace, container=KubernetesPodOperator.BASE_CONTAINER_NAME)
            for line in str(text).splitlines():
                self._output.take(line)


def _ended(pod: k8s.V1Pod | None) -> k8s.V1ContainerStateTerminated | None:
    """How the step's container ended; None where it has not, or never began."""
    statuses = (pod.status.container_statuses if pod is not None and pod.status else None) or []
    for each in statuses:
        if each.name == KubernetesPodOperator.BASE_CONTAINER_NAME and each.state and each.state.terminated:
            return each.state.terminated
    return None


def _pod_reason(pod: k8s.V1Pod | None) -> str:
    """Why the cluster ended the pod, such as Evicted; empty where it did not."""
    if pod is None or pod.status is None or not pod.status.reason:
        return ""
    return ": ".join(part for part in (pod.status.reason, pod.status.message) if part)


def _as_error(step: str, error: Exception) -> RetrainerError:
    """A pod that never ran, or could not be watched."""
    if isinstance(error, ApiException):
        message = f"{step}: the Kubernetes API server answers {error.status} {error.reason}: {_message(error)}"
        return ConfigurationError(message) if error.status in _REFUSED else StepFailedError(message)
    if isinstance(error, ConfigException):
        return StepFailedError(
            f"{step}: no cluster is known to this worker: {error}",
            hint="Name an Airflow connection of type kubernetes in runtime.kubernetes.connection.",
        )
    return StepFailedError(f"{step}: {'; '.join(line for line in str(error).splitlines() if line)}")


def _message(error: ApiException) -> str:
    return str(error.body or "").strip()[:500]
