"""The assets of a model, as the Airflow graph shows its lineage: source table, snapshot, features, model."""

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.sdk import Asset

if TYPE_CHECKING:
    from retrainer.config.source import Source


@cache
def table_asset(source: str, table: str) -> Asset:
    """The table `table` of the database `source`. Whoever lands rows emits its event.

    The event's `extra` should hold `as_of`: the end (ISO 8601) of the last interval that landed.
    """
    # Quoted: Airflow takes only ASCII.
    return Asset(
        name=f"{quote(source)}.{quote(table)}",
        uri=f"table://{quote(source, safe='')}/{quote(table, safe='')}",
        group="source",
    )


def source_name(source: "Source") -> str:
    """What a source is called: its connection, or the host (or dialect) and database of its URL."""
    if source.connection is not None:
        return source.connection
    parts = urlsplit(source.url or "")
    database = parts.path.rpartition("/")[2]
    return ".".join(part for part in (parts.hostname or parts.scheme.partition("+")[0], database) if part)


def snapshot_asset(model: str) -> Asset:
    """The validated snapshot that the last run of `model` pinned."""
    return _model_asset(model, "snapshot")


def features_asset(model: str) -> Asset:
    """The feature table of `model`."""
    return _model_asset(model, "features")


def model_asset(model: str) -> Asset:
    """The version of `model` in production. Its events are promotions and rollbacks only."""
    return _model_asset(model, "model")


def scored_asset(model: str) -> Asset:
    """The batch predictions of `model`. Its events are intervals that were scored."""
    return _model_asset(model, "scored")


def _model_asset(model: str, kind: str) -> Asset:
    return Asset(name=f"{model}.{kind}", uri=f"retrainer://{model}/{kind}", group=model)
