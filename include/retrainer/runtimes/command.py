"""The command by which a container runs a step: its request in the arguments, packed, so that its size is no problem.

Stdin would need an attachment that a proxy before Docker's socket may cut; a file would need a root that can be written
to, and Kubernetes has no place for one without an object beside the pod. An argument may have 128 KB, all of them
together 2 MB: the packed request is cut into arguments, and the shell unpacks it into /tmp before it becomes the step.
"""

import base64
import gzip

from retrainer.contracts import StepRequest
from retrainer.errors import ConfigurationError

_ARGUMENT = 96 * 1024
_LARGEST = 768 * 1024
"""Packed; a pod with its arguments has to fit into 1.5 MB of etcd. JSON is packed to about a third of its size."""

_SCRIPT = (
    "umask 077 && step=$1 seconds=$2 && shift 2 && request=/tmp/retrainer-request.json && "
    'printf %s "$@" | base64 -d | gzip -d >"$request" && '
    'exec timeout --kill-after=10 --signal=INT "$seconds" retrainer run "$step" --request - <"$request"'
)

TIMED_OUT = 124
"""Exit status of `timeout` where the step took longer than it may."""


def step_command(request: StepRequest, *, time_seconds: float) -> list[str]:
    """Command of a container of the image `steps` that runs `request`, and ends it after `time_seconds` by itself.

    Raises:
        ConfigurationError: the request is too large, which only a declaration of megabytes can make it.
    """
    packed = base64.b64encode(gzip.compress(request.to_json().encode(), mtime=0)).decode()
    if len(packed) > _LARGEST:
        raise ConfigurationError(
            f"{request.step}: the request has {len(packed)} bytes, packed; a container takes at most {_LARGEST}"
        )
    pieces = [packed[at : at + _ARGUMENT] for at in range(0, len(packed), _ARGUMENT)]
    return ["sh", "-c", _SCRIPT, "sh", request.step, f"{time_seconds:g}", *pieces]
