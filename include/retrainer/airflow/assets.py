"""The assets of a model, as the Airflow graph shows its lineage: source table, snapshot, features, model."""

from functools import cache
from urllib.parse import quote, urlsplit

from airflow.sdk import Asset

from retrainer.config.source import Source


@cache
def table_asset(connection: str, table: str) -> Asset:
    """The table `table` behind the Airflow connection `connection`. Whoever lands rows emits its event.

    The event's `extra` should hold `as_of`: the end (ISO 8601) of the last interval that landed.
    """
    # Quoted: Airflow takes only ASCII.
    return Asset(
        name=f"{quote(connection)}.{quote(table)}",
        uri=f"table://{quote(connection, safe='')}/{quote(table, safe='')}",
        group="source",
    )


def source_asset(source: Source) -> Asset:
    """The row table of a source. A source given by URL is named after its host (or dialect) and database."""
    table = source.tables[source.rows].name or source.rows
    return table_asset(source.connection or _database_name(source.url or ""), table)


def snapshot_asset(model: str) -> Asset:
    """The validated snapshot that the last run of `model` pinned."""
    return _model_asset(model, "snapshot")


def features_asset(model: str) -> Asset:
    """The feature table of `model`."""
    return _model_asset(model, "features")


def model_asset(model: str) -> Asset:
    """The version of `model` in production. Its events are promotions only."""
    return _model_asset(model, "model")


def _model_asset(model: str, kind: str) -> Asset:
    return Asset(name=f"{model}.{kind}", uri=f"retrainer://{model}/{kind}", group=model)


def _database_name(url: str) -> str:
    parts = urlsplit(url)
    database = parts.path.rpartition("/")[2]
    return ".".join(part for part in (parts.hostname or parts.scheme.partition("+")[0], database) if part)
