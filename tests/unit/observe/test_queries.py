"""Alert rules and dashboard ask for series and labels that a model server really has."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.observe.conftest import Exposition

ROOT = Path(__file__).parents[3]
OBSERVE = ROOT / "config" / "observe"
DASHBOARD = OBSERVE / "grafana" / "dashboards" / "model_server.json"

_STRING = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\b(?:by|on|without|ignoring|group_left)\s*\(([^)]*)\)|\{([^}]*)\}")
_SERIES = re.compile(r"\b(?:up|ALERTS|(?:retrainer|process|python)_\w+)\b")
"""A metric's name begins like this. Names of functions and keywords do not."""


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for group in read(OBSERVE / "rules.yaml")["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"] if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Every query, by the alert or the panel that asks it."""
    asked = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in panels():
        asked |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    return asked


def labels_of(query: str) -> set[str]:
    """Labels that a query matches or groups by."""
    named = ",".join(part for found in _LABELS.findall(_STRING.sub("", query)) for part in found)
    return {re.split(r"[=!~]", name)[0].strip() for name in named.split(",") if name.strip()}


def test_there_are_alerts_and_panels() -> None:
    assert len(rules()) >= 10
    assert len(panels()) >= 10


@pytest.mark.parametrize(("asks", "query"), queries().items(), ids=list(queries()))
def test_a_query_asks_for_series_that_the_server_has(asks: str, query: str, exposition: Exposition) -> None:
    named = set(_SERIES.findall(_STRING.sub("", query)))

    assert named, f"{asks} asks for nothing that is known"
    assert named <= exposition.series


@pytest.mark.parametrize(("asks", "query"), queries().items(), ids=list(queries()))
def test_a_query_names_labels_that_the_series_have(asks: str, query: str, exposition: Exposition) -> None:
    assert labels_of(query) <= exposition.labels, asks


def test_every_series_of_the_servers_own_is_looked_at(exposition: Exposition) -> None:
    asked = {name for query in queries().values() for name in _SERIES.findall(query)}
    bases = {name for name in exposition.series if name.startswith("retrainer_")}
    own = {name for name in bases if not name.endswith(("_count", "_sum"))}

    assert len(own) > 10
    assert own <= asked


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warn", "severe")
    assert rule["annotations"].keys() == {"summary", "description"}


def test_labels_in_the_text_of_an_alert_are_there(exposition: Exposition) -> None:
    text = json.dumps([rule["annotations"] for rule in rules()])
    named = set(re.findall(r"\$labels\.(\w+)", text))

    assert named
    assert named <= exposition.labels


def test_the_dashboard_has_the_data_source_that_is_provisioned() -> None:
    (source,) = read(OBSERVE / "grafana" / "datasources" / "prometheus.yaml")["datasources"]
    named = {panel["datasource"]["uid"] for panel in panels()}

    assert named == {source["uid"]}


def test_panels_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]]
    cells = [
        (at["x"] + column, at["y"] + line) for at in places for column in range(at["w"]) for line in range(at["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(column for column, _ in cells) < 24
