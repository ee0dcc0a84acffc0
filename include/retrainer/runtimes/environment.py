"""The environment of a step's process."""

from collections.abc import Mapping

QUIET: Mapping[str, str] = {
    "DO_NOT_TRACK": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "ITERATIVE_DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MPLBACKEND": "Agg",
}
"""No usage tracking, no display. These win over whatever is set."""

THREADS: Mapping[str, str] = {"OPENBLAS_NUM_THREADS": "1"}
"""Unless set otherwise. Sums of floats depend on how BLAS splits them, and steps run side by side: one thread gives the
same bytes everywhere. Trees (OpenMP) do not depend on it and use all cores."""


def step_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without usage tracking and with a fixed number of BLAS threads."""
    return {**THREADS, **environment, **QUIET}
