"""Addresses: of these pages, of Airflow's, and of what an entry's evidence names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import JsonValue

from retrainer.contracts import Decision

DagKind = Literal["train", "rollback", "rebuild"]

_SUFFIX = "_url"
_TEXTS = {
    "version_url": "Version in MLflow",
    "run_url": "MLflow run",
    "report_url": "Evaluation report",
    "card_url": "Model card",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A text and the http(s) address behind it."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Paths on Airflow's server. `root` is the path that Airflow is served at, with a slash at its end."""

    root: str

    def models(self) -> str:
        """The page of all models."""
        return f"{self.root}retrainer/models"

    def model(self, model: str, *, page: int = 1) -> str:
        """A model's history, from its newest entry (page 1) to older ones."""
        return f"{self.models()}/{_segment(model)}" + (f"?page={page}" if page > 1 else "")

    def entry(self, model: str, sequence: int) -> str:
        """One entry in a model's history, on whatever page it is."""
        return f"{self.model(model)}?entry={sequence}#entry-{sequence}"

    def dag(self, model: str, kind: DagKind) -> str:
        """A DAG of the model in the Airflow UI. Airflow 3.3 has no address for the form behind its Trigger button."""
        return f"{self.root}dags/{_segment(dag_id(model, kind))}"

    def run(self, model: str, run_id: str) -> str:
        """A run of the model's training in the Airflow UI."""
        return f"{self.dag(model, 'train')}/runs/{_segment(run_id)}"

    def login(self) -> str:
        """Airflow's login, which leads back to the page of all models."""
        return f"{self.root}api/v2/auth/login?next={quote(f'{self.root}plugin/models', safe='')}"


def dag_id(model: str, kind: DagKind) -> str:
    """The id of one of the model's DAGs."""
    return f"{model}__{kind}"


def links_in(evidence: Mapping[str, JsonValue], decision: Decision | None) -> tuple[Link, ...]:
    """The addresses that an entry's evidence names; known ones first. What is no http(s) address is left out."""
    found = {key: value for key, value in evidence.items() if key.endswith(_SUFFIX)}
    if decision is not None and not found.get("report_url"):
        found["report_url"] = decision.report_url
    keys = [*(key for key in _TEXTS if key in found), *sorted(found.keys() - _TEXTS)]
    return tuple(Link(_text(key), value) for key in keys if isinstance(value := found[key], str) and _is_web(value))


def _text(key: str) -> str:
    return _TEXTS.get(key) or key.removesuffix(_SUFFIX).replace("_", " ").capitalize()


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _segment(text: str) -> str:
    return quote(text, safe="")
