"""A small declaration, requests for its steps, and a small SQLite source that lands by the day."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.contracts import Contract, Interval, StepName, StepRequest

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""Start of the small source's first day, and of the small declaration's schedule."""

ORDERS_A_DAY = 12
"""One every two hours from midnight."""

CONNECTION = "orders_source"

_BASE: dict[str, Any] = {
    "name": "order_late",
    "description": "Will this order be paid late?",
    "owner": "tests",
    "schedule": {"cron": "0 0 * * *", "timezone": "UTC", "start": "2026-01-01"},
    "source": {
        "connection": CONNECTION,
        "rows": "orders",
        "label": {"expression": "days_to_pay > 5", "known_at": "paid_at"},
        "tables": {
            "orders": {
                "event_time": "ordered_at",
                "key": ["order_id"],
                "columns": {
                    "order_id": "integer",
                    "ordered_at": "timestamp",
                    "region": "string",
                    "amount": "float",
                    "express": "boolean",
                    "days_to_pay": "float",
                    "paid_at": "timestamp",
                },
                "complete": {"by": "manifest", "table": "landings"},
                "freshness": {"max_gap": "6h"},
            },
            "rates": {
                "event_time": "at",
                "key": ["region", "at"],
                "columns": {"region": "string", "at": "timestamp", "rate": "float"},
                "complete": {"by": "manifest", "table": "landings"},
            },
        },
    },
    "windows": {
        "training_days": 4,
        "holdout_days": 2,
        "min_coverage": 0.6,
        "min_training_rows": 2,
        "min_holdout_rows": 2,
    },
    "features": {
        "module": "models.flight_delay.features",
        "inputs": ["ordered_at", "region", "amount", "express"],
        "lookups": {"rates": {"table": "rates", "by": ["region"], "columns": ["rate"], "delay": "1h", "max_age": "6h"}},
        "windows": {"region_late": {"by": ["region"], "value": "label", "aggregate": "mean", "over": "1d"}},
        "categorical": ["region"],
        "numeric": ["amount", "rates__rate", "region_late"],
    },
    "estimator": {"type": "sklearn.ensemble.HistGradientBoostingClassifier"},
    "evaluation": {"metric": "roc_auc", "baseline": "models.flight_delay.rule"},
    "seed": 7,
}

_TABLES = """
CREATE TABLE orders (order_id INTEGER, ordered_at DATETIME, region TEXT, amount FLOAT, express BOOLEAN,
                     days_to_pay FLOAT, paid_at DATETIME, note TEXT);
CREATE TABLE rates (region TEXT, at DATETIME, rate FLOAT);
CREATE TABLE landings (table_name TEXT, interval_start DATETIME, interval_end DATETIME, row_count INTEGER);
"""


def make_config(**changes: Any) -> ModelConfig:
    """The small declaration with changes, such as windows={"gap_days": 1}: sections are merged, values replaced."""
    return ModelConfig.model_validate(_merged(_BASE, changes))


def day(number: int) -> Interval:
    """Day `number` of the small source, the first is 0."""
    start = FIRST + timedelta(days=number)
    return Interval(start=start, end=start + timedelta(days=1))


def make_request(
    step: StepName,
    config: ModelConfig | None = None,
    *,
    interval: Interval | None = None,
    inputs: Mapping[str, Contract] | None = None,
    run_id: str = "test",
) -> StepRequest:
    """A request of the small declaration for the run whose interval is `interval` (day 7); as_of is its end."""
    config = config or make_config()
    interval = interval or day(7)
    return StepRequest(
        step=step,
        model=config.name,
        config=config.model_dump(mode="json"),
        inputs={name: value.model_dump(mode="json") for name, value in (inputs or {}).items()},
        interval=interval,
        as_of=interval.end,
        seed=config.seed,
        run_id=run_id,
    )


def make_settings(home: Path, source: Path | str) -> RuntimeSettings:
    """Settings that keep everything in `home`; `source` is the small source's file, or a SQLAlchemy URL."""
    return load_settings(environment(home, source), home)


def environment(home: Path, source: Path | str) -> dict[str, str]:
    """The variables of `make_settings`. Nobody listens at the MLflow address, and it is tried once."""
    url = f"sqlite:///{source}" if isinstance(source, Path) else source
    return {
        "RETRAINER_PROJECT_ROOT": str(home),
        "RETRAINER_HOME": str(home / "home"),
        "RETRAINER_MLFLOW_URI": "http://127.0.0.1:9",
        "RETRAINER_MLFLOW_RETRIES": "0",
        f"RETRAINER_CONN_{CONNECTION.upper()}": url,
    }


def small_source(path: Path, *, days: Iterable[int] = range(8)) -> Path:
    """A SQLite source in which `days` have landed: 12 orders and 4 rates each. Returns `path`."""
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(_TABLES)
    for number in days:
        land_day(path, number)
    return path


def land_day(path: Path, number: int) -> None:
    """Land day `number` with its announcements; an order's amount and pay time depend only on its number."""
    orders = [_order(number, place) for place in range(ORDERS_A_DAY)]
    rates = [_rate(number, place) for place in range(4)]
    with closing(sqlite3.connect(path)) as database, database:
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", orders)
        database.executemany("INSERT INTO rates VALUES (?, ?, ?)", rates)
        for table, rows in (("orders", orders), ("rates", rates)):
            moments = (_text(day(number).start), _text(day(number).end))
            database.execute("INSERT INTO landings VALUES (?, ?, ?, ?)", (table, *moments, len(rows)))


def change_source(path: Path, *statements: str) -> None:
    """Run SQL statements on the source in one transaction, to break it."""
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def _order(number: int, place: int) -> tuple[object, ...]:
    order = number * ORDERS_A_DAY + place
    ordered = FIRST + timedelta(days=number, hours=2 * place)
    days = float(order % 10)
    region = ("north", "south")[order % 2]
    return order, _text(ordered), region, 10.0 + order, order % 3 == 0, days, _text(ordered + timedelta(days=days)), "-"


def _rate(number: int, place: int) -> tuple[object, ...]:
    moment = FIRST + timedelta(days=number, hours=12 * (place // 2))
    return ("north", "south")[place % 2], _text(moment), 1.0 + number + place / 10


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        known = merged.get(key)
        both = isinstance(known, dict) and isinstance(value, Mapping) and "by" not in value
        merged[key] = _merged(known, value) if both else value
    return merged
