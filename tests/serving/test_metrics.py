"""What the server counts."""

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from retrainer.serving.metrics import Metrics, VersionStats


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_answers_are_counted_by_model_version_and_source():
    metrics = Metrics()
    metrics.answered("flights", 3, "model", seconds=0.002, records=10)
    metrics.answered("flights", 3, "model", seconds=0.004, records=1)
    metrics.answered("flights", None, "fallback", seconds=0.001, records=1)

    found = samples(metrics)

    by_model = (("model", "flights"), ("source", "model"), ("version", "3"))
    assert found["retrainer_requests_total", by_model] == 2
    assert found["retrainer_predictions_total", by_model] == 11
    assert found["retrainer_requests_total", (("model", "flights"), ("source", "fallback"), ("version", ""))] == 1
    assert found["retrainer_request_seconds_count", (("model", "flights"),)] == 3
    assert found["retrainer_request_seconds_bucket", (("le", "0.0025"), ("model", "flights"))] == 2


def test_refusals_failures_and_swaps_are_counted():
    metrics = Metrics()
    metrics.refused(429)
    metrics.failed("flights", 3)
    metrics.swapped("flights", 4)

    found = samples(metrics)

    assert found["retrainer_refusals_total", (("status", "429"),)] == 1
    assert found["retrainer_failures_total", (("model", "flights"), ("version", "3"))] == 1
    assert found["retrainer_served_version", (("model", "flights"),)] == 4


def test_numbers_that_others_keep_are_read_when_they_are_asked_for():
    metrics = Metrics()
    dropped = [0]
    metrics.watch("retrainer_log_dropped_rows", "Rows that were not logged.", lambda: dropped[0], counts=True)
    dropped[0] = 7

    assert samples(metrics)["retrainer_log_dropped_rows_total", ()] == 7


def test_memory_and_processor_time_are_there():
    names = {name for name, _ in samples(Metrics())}

    assert {"process_resident_memory_bytes", "process_cpu_seconds_total"} <= names


def test_percentiles_are_those_of_the_kept_latencies():
    stats = VersionStats()
    for milliseconds in range(1, 101):
        stats.answered(milliseconds / 1000)
    stats.failed()

    assert (stats.requests, stats.errors) == (101, 1)
    np.testing.assert_allclose(stats.percentiles_ms(), np.percentile(np.arange(1, 101), (50, 95, 99)))


def test_only_the_newest_latencies_are_kept():
    stats = VersionStats()
    for _ in range(10_000):
        stats.answered(9.0)
    for _ in range(4096):
        stats.answered(0.001)

    assert stats.requests == 14_096
    np.testing.assert_allclose(stats.percentiles_ms(), (1, 1, 1))


def test_without_requests_there_are_no_percentiles():
    assert VersionStats().percentiles_ms() is None
