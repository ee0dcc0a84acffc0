"""What a step read and wrote, in OpenLineage's words. Read from request and result alone; not imported by a parse.

Names follow OpenLineage's naming: a table of a server is `postgres://host:port` and `database.schema.table`, a folder
`file` and its path, one in an object store its bucket and its key. A version is a facet of its dataset.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import JobFacet, RunFacet, dataset_version_dataset

from retrainer.config.source import Source
from retrainer.contracts import StepName, StepRequest

_SCHEMES = {"postgresql": ("postgres", 5432), "mysql": ("mysql", 3306), "mariadb": ("mysql", 3306)}
"""OpenLineage's name of a database, and the port that it has where the URL names none."""

_READS: Mapping[StepName, tuple[tuple[str, str], ...]] = {
    "validate_data": (("snapshot", "tables"),),
    "build_features": (("validate_data", "snapshot"),),
    "train": (("build_features", "table"),),
    "compare": (("build_features", "table"), ("train", "model_uri")),
    "register": (("train", "model_uri"),),
    "deploy": (("register", "version"),),
    "score": (("build_features", "table"),),
    "monitor": (("build_features", "table"), ("score", "table")),
}
"""Which field of which result names the datasets that a step reads. snapshot reads the source's tables."""

_WRITES: Mapping[StepName, str] = {
    "snapshot": "tables",
    "validate_data": "snapshot",
    "build_features": "table",
    "train": "model_uri",
    "register": "version",
    "score": "table",
}
"""Which field of its own result names what it wrote."""


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset: where it is, what it is called there, and which version of it; empty where it has none."""

    namespace: str
    name: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run reads and writes, tables aside. Either address may hold a password; no dataset does."""

    source_url: str
    mlflow_uri: str


def step_lineage(
    request: StepRequest, result: Mapping[str, Any], *, source: Source, places: Places
) -> OperatorLineage[Dataset, RunFacet | JobFacet]:
    """The datasets of one step. A step that failed has an empty result and wrote nothing."""
    read, written = _read(request, source, places), _written(request, result, places)
    return OperatorLineage(
        inputs=[InputDataset(place.namespace, place.name, facets=_facets(place)) for place in read],
        outputs=[OutputDataset(place.namespace, place.name, facets=_facets(place)) for place in written],
    )


def source_table(url: str, table: str) -> Place:
    """A table of the database at `url`. User and password are left out."""
    parts = urlsplit(url)
    dialect = parts.scheme.partition("+")[0]
    database = unquote(parts.path.removeprefix("/"))
    if not parts.hostname:
        return Place(f"{dialect}://{parts.path.removeprefix('/')}", table)
    scheme, port = _SCHEMES.get(dialect, (dialect, None))
    at = ":".join(str(part) for part in (parts.hostname, parts.port or port) if part)
    if scheme == "postgres" and "." not in table:
        table = f"public.{table}"
    return Place(f"{scheme}://{at}", f"{database}.{table}" if database else table)


def delta_table(ref: Mapping[str, Any]) -> Place:
    """A pinned version of a Delta table."""
    uri, version = str(ref["uri"]), str(ref["version"])
    parts = urlsplit(uri)
    if parts.scheme in ("", "file"):
        return Place("file", parts.path.rstrip("/"), version)
    return Place(f"{parts.scheme}://{parts.netloc}", parts.path.strip("/"), version)


def _read(request: StepRequest, source: Source, places: Places) -> list[Place]:
    if request.step == "snapshot":
        if not places.source_url:  # a pod has it from its cluster
            return []
        return [source_table(places.source_url, table.name or name) for name, table in source.tables.items()]
    fields = _READS.get(request.step, ())
    inputs = request.inputs
    return [place for step, field in fields if step in inputs for place in _named(field, inputs[step], request, places)]


def _written(request: StepRequest, result: Mapping[str, Any], places: Places) -> list[Place]:
    field = _WRITES.get(request.step)
    return list(_named(field, result, request, places)) if field and result else []


def _named(field: str, holder: Mapping[str, Any], request: StepRequest, places: Places) -> Iterable[Place]:
    """The datasets that a result holds under `field`; none where it holds nothing there."""
    value = holder[field]
    if value is None:
        return ()
    if field == "version":
        return (Place(_without_login(places.mlflow_uri), request.model, str(value)),)
    if field == "model_uri":
        return (Place(_without_login(places.mlflow_uri), str(value)),)
    return map(delta_table, [value] if field == "table" else value)


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _facets(place: Place) -> dict[str, Any]:
    if not place.version:
        return {}
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=place.version)}
