"""What the server counts: for Prometheus, and for each version since it was swapped in."""

from array import array
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from retrainer.contracts import Source

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the latency histogram, in seconds."""

_KEPT = 4096

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
"""Media type of `Metrics.render`."""


class VersionStats:
    """Requests and errors of one version since it was swapped in, and the latencies of the last 4,096 requests."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self._seconds = array("d")

    def answered(self, seconds: float) -> None:
        """One request, answered in that time."""
        if len(self._seconds) < _KEPT:
            self._seconds.append(seconds)
        else:
            self._seconds[self.requests % _KEPT] = seconds
        self.requests += 1

    def failed(self) -> None:
        """One request that the version could not answer."""
        self.requests += 1
        self.errors += 1

    def percentiles_ms(self) -> tuple[float, float, float] | None:
        """p50, p95 and p99 of the kept latencies, in milliseconds; None while there are none."""
        if not self._seconds:
            return None
        p50, p95, p99 = np.percentile(np.frombuffer(self._seconds.tobytes()), (50, 95, 99)).tolist()
        return p50 * 1000, p95 * 1000, p99 * 1000


class Metrics:
    """The metrics of one server, under names that begin with `retrainer_`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        names = ("model", "version", "source")
        self._requests = self._counter("retrainer_requests", "Requests that were answered.", names)
        self._records = self._counter("retrainer_predictions", "Records that were answered.", names)
        self._failures = self._counter("retrainer_failures", "Requests that a version could not answer.", names[:2])
        self._refusals = self._counter("retrainer_refusals", "Requests that were refused, by HTTP status.", ("status",))
        self._swaps = self._counter("retrainer_swaps", "Versions that were swapped in.", ("model",))
        self._served = Gauge("retrainer_served_version", "The champion.", ("model",), registry=self._registry)
        self._seconds = Histogram(
            "retrainer_request_seconds",
            "Time from a request's body to its answer.",
            names[:1],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._bound: dict[tuple[str, int | None, Source], tuple[Any, Any, Any]] = {}

    def answered(self, model: str, version: int | None, source: Source, *, seconds: float, records: int) -> None:
        """A request with that many records was answered."""
        bound = self._bound.get((model, version, source))
        if bound is None:
            labels = (model, _named(version), source)
            bound = (self._requests.labels(*labels), self._records.labels(*labels), self._seconds.labels(model))
            self._bound[model, version, source] = bound
        requests, rows, latency = bound
        requests.inc()
        rows.inc(records)
        latency.observe(seconds)

    def failed(self, model: str, version: int | None) -> None:
        """A version could not answer a request; the rule did, where there is one."""
        self._failures.labels(model, _named(version)).inc()

    def refused(self, status: int) -> None:
        """A request was refused."""
        self._refusals.labels(str(status)).inc()

    def swapped(self, model: str, version: int | None) -> None:
        """Another version is the champion now; None: the rule answers."""
        self._swaps.labels(model).inc()
        self._served.labels(model).set(version or 0)

    def watch(self, name: str, text: str, read: Callable[[], float], *, counts: bool) -> None:
        """Show what `read` gives whenever the metrics are asked for: a counter or a gauge."""
        self._registry.register(_Watched(name, text, read, counts=counts))

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self._registry)


class _Watched(Collector):
    """One number that somebody else keeps."""

    def __init__(self, name: str, text: str, read: Callable[[], float], *, counts: bool) -> None:
        self._name, self._text, self._read = name, text, read
        self._family: type[CounterMetricFamily | GaugeMetricFamily]
        self._family = CounterMetricFamily if counts else GaugeMetricFamily

    def collect(self) -> Iterator[Metric]:
        """The number now."""
        yield self._family(self._name, self._text, value=self._read())


def _named(version: int | None) -> str:
    return str(version) if version is not None else ""
