"""What the artifact costs where it serves: the time of a single prediction, and its size."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Gate, ServingRuntime

Row = TypeVar("Row")

_PREDICTIONS = 100
_WARM_UP = 5
_MEGABYTE = 2**20
_BY: dict[ServingRuntime, str] = {"onnx": "ONNX Runtime", "scikit-learn": "scikit-learn"}


def time_predictions(predict: Callable[[Row], object], rows: Sequence[Row]) -> NDArray[np.float64] | str:
    """Milliseconds (float64) that `predict` takes for each of 100 of `rows`, one record each, once warm; or why there
    are none.

    On one thread: one row leaves nothing to share, and on a busy machine OpenMP's threads wait for each other (30 times
    as long was measured).
    """
    if not rows:
        return "there are no sample inputs to predict"
    times = []
    try:
        with threadpool_limits(1):
            for place in range(_WARM_UP + _PREDICTIONS):
                row = rows[place % len(rows)]
                start = time.perf_counter()
                predict(row)
                times.append((time.perf_counter() - start) * 1000)
    except Exception as error:  # noqa: BLE001 feature code may raise anything, and has not shown its latency then
        return f"a single row cannot be predicted: {type(error).__name__}: {error}"
    return np.array(times[_WARM_UP:])


def latency_gate(
    config: ModelConfig, latencies_ms: NDArray[np.float64] | str, *, runtime: ServingRuntime
) -> Gate | None:
    """The 95th percentile is not above `max_latency_p95_ms`; None where that is null. `runtime` is what was timed."""
    most = config.gates.max_latency_p95_ms
    if most is None:
        return None
    if isinstance(latencies_ms, str):
        return Gate(name="latency", passed=False, threshold=most, message=f"cannot be measured: {latencies_ms}")
    median, p95 = np.quantile(latencies_ms, [0.5, 0.95]).tolist()
    passed = p95 <= most
    relation = "within" if passed else "above"
    message = (
        f"a single prediction by {_BY[runtime]} on this machine: p95 {p95:.3g} ms, {relation} {most:g} ms "
        f"(p50 {median:.3g} ms)"
    )
    return Gate(name="latency", passed=passed, value=p95, threshold=most, message=message)


def size_gate(config: ModelConfig, size_bytes: int) -> Gate | None:
    """The artifact's files are not larger than `max_size_mb`; None where that is null."""
    most = config.gates.max_size_mb
    if most is None:
        return None
    size = size_bytes / _MEGABYTE
    passed = size <= most
    message = f"the artifact has {size:.2f} MB, {'within' if passed else 'above'} {most:g} MB"
    return Gate(name="size", passed=passed, value=size, threshold=most, message=message)
