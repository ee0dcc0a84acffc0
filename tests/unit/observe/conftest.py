"""What a model server really says to Prometheus."""

import re
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from retrainer.serving.metrics import Metrics


@dataclass(frozen=True)
class Nothing:
    """A home and a ledger in which there is nothing."""

    home: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"RETRAINER_HOME": str(self.home)}


@dataclass(frozen=True)
class Exposition:
    """The names that queries may use: of series, and of their labels."""

    series: frozenset[str]
    labels: frozenset[str]


@pytest.fixture(scope="session")
def exposition(tmp_path_factory: pytest.TempPathFactory) -> Exposition:
    """The series of a real server, and the labels that they have once there were requests."""
    from tests.serving.served import running_server  # every ML library

    with running_server(Nothing(tmp_path_factory.mktemp("server") / "home")) as server:
        said = httpx.get(f"{server.url}/metrics", trust_env=False).text
    return Exposition(_series(said) | {"up", "ALERTS"}, _labels() | {"job", "instance", "alertstate"})


def _series(text: str) -> frozenset[str]:
    """A counter has the suffix _total and a histogram three, also while there is no sample of it."""
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    declared = re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE)
    bare = [(name.removesuffix("_total"), kind) for name, kind in declared]
    return frozenset(name + suffix for name, kind in bare for suffix in suffixes.get(kind, [""]))


def _labels() -> frozenset[str]:
    metrics = Metrics()
    metrics.answered("flights", 1, "model", seconds=0.01, records=1)
    metrics.failed("flights", 1)
    metrics.refused(429)
    metrics.swapped("flights", 1)
    families = text_string_to_metric_families(metrics.render().decode())
    return frozenset(label for family in families for sample in family.samples for label in sample.labels)
