"""The tasks of the DAG sample_feed, which plays the upstream system of the example."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from airflow.sdk import BaseHook, Param
from airflow.sdk.exceptions import AirflowFailException
from pydantic import JsonValue

from retrainer.airflow.connections import sqlalchemy_url

CONNECTION = "flights_source"
"""Airflow connection of the example's database."""

TABLE = "flights"
"""Its row table."""

_MISHAPS: Mapping[str, Literal["half", "twice"] | None] = {"none": None, "half": "half", "twice": "twice"}

Params = Mapping[str, JsonValue]


def feed_params() -> dict[str, Param]:
    """The form of the DAG."""
    return {
        "from": _day_param("From", "First day to land (2013, local to New York)."),
        "to": _day_param("To", "Day after the last one to land. Empty: only the day of From."),
        "mishap": Param(
            "none",
            type="string",
            enum=list(_MISHAPS),
            title="Mishap",
            description="half: only half of the announced rows come. twice: every row comes twice.",
        ),
        "rename": Param(
            None,
            type=["null", "string"],
            pattern=r"^[a-z_]+:[a-z_]+$",
            title="Rename a column",
            description=f"column:new_name renames a column of {TABLE} after the landing; turned round, it repairs it.",
        ),
        "announce": Param(
            False,
            type="boolean",
            title="Announce",
            description=f"Emit the event of the asset {CONNECTION}.{TABLE}, which starts the training of its models.",
        ),
    }


def land_days(params: Params, root: str) -> str | None:
    """Land the days of the form; the end of the last one (ISO 8601, UTC), or None if the form names no day.

    Raises:
        AirflowFailException: the days are not in order.
        ConfigurationError: the connection cannot be used.
    """
    first, end = _day(params["from"]), _day(params["to"])
    if first is None and end is None:
        return None
    if first is None or (end is not None and end <= first):
        raise AirflowFailException(f"from {first} to {end}: 'from' must be given and lie before 'to'")
    last = end - timedelta(days=1) if end else first
    from retrainer.sources.sample import land, load_flights, open_database

    url = sqlalchemy_url(BaseHook.get_connection(CONNECTION))
    load_flights(url, root=Path(root))
    landed = land(open_database(url, root=Path(root)), first, last, mishap=_MISHAPS[str(params["mishap"])])
    return landed[-1].interval.end.isoformat()


def rename(params: Params, root: str) -> None:
    """Rename the column of the form; nothing where it names none."""
    column, separator, to = str(params["rename"] or "").partition(":")
    if not separator:
        return
    from retrainer.sources.sample import open_database, rename_column

    url = sqlalchemy_url(BaseHook.get_connection(CONNECTION))
    rename_column(open_database(url, root=Path(root)), TABLE, column, to)


def _day_param(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


def _day(value: JsonValue) -> date | None:
    return date.fromisoformat(str(value)) if value else None
