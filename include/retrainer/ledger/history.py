"""The history of what monitoring measured. Nothing in it is overwritten: a value that changed is a new revision."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, insert, select

from retrainer.contracts import About, Interval, Measurement, Recorded
from retrainer.ledger.database import unavailable
from retrainer.ledger.lock import exclusive
from retrainer.ledger.schema import measurements as table
from retrainer.ledger.store import Store, values_of

_KEY = (
    *(table.c.interval_start, table.c.interval_end, table.c.version),
    *(table.c.about, table.c.subject, table.c.measure),
)
"""What a measurement of a model is of; its revisions have it in common."""

_SAYS = ("value", "low", "high", "note", "flagged")
"""Where none of these changed, what was measured again is what was there."""

_NO_VERSION = 0

_Key = tuple[datetime, datetime, int, str, str, str]


class History(Store):
    """The measurements of all models."""

    def record(self, model: str, measurements: Iterable[Measurement], run_id: str) -> int:
        """Append what is new, and what has changed as the next revision; how many rows that were.

        In one transaction. The same again appends nothing. Of two measurements of the same thing the last one counts.

        Raises:
            LedgerUnavailableError: the database failed. Nothing was written.
        """
        new = {_key(each): each for each in measurements}
        if not new:
            return 0
        written = {"model": model, "run_id": run_id, "measured_at": datetime.now(UTC)}
        alone = exclusive(self._engine, f"{model}.measurements")
        with alone, unavailable(self._engine.url), self._engine.begin() as connection:
            there = _newest(connection, model, new)
            rows = [
                _row(each, revision=there[key].revision + 1 if key in there else 1) | written
                for key, each in new.items()
                if key not in there or _differs(each, there[key])
            ]
            if rows:
                connection.execute(insert(table), rows)
        return len(rows)

    def models(self) -> list[str]:
        """Names of the models that were ever measured, in order."""
        query = select(table.c.model).distinct().order_by(table.c.model)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def newest(self, model: str) -> Interval | None:
        """The newest interval of which anything was measured; None while there is none."""
        query = select(table.c.interval_start, table.c.interval_end).where(table.c.model == model)
        newest_first = query.order_by(table.c.interval_start.desc(), table.c.interval_end.desc()).limit(1)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            row = connection.execute(newest_first).mappings().first()
        return _interval(values_of(row)) if row else None

    def latest(
        self,
        model: str,
        since: datetime,
        until: datetime,
        *,
        version: int | None = None,
        about: About | None = None,
    ) -> tuple[Recorded, ...]:
        """The newest revision of each measurement of the intervals that start in [`since`, `until`), oldest first.

        Only those of `version`, and only those `about` it, where that is said.
        """
        conditions = [table.c.interval_start >= since, table.c.interval_start < until]
        if version is not None:
            conditions.append(table.c.version == version)
        if about is not None:
            conditions.append(table.c.about == about)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            return _read(connection, _newest_revisions(model, *conditions))

    def revisions(self, model: str, measurement: Measurement) -> tuple[Recorded, ...]:
        """All that was ever recorded about what `measurement` is of, oldest first."""
        same = [column == value for column, value in zip(_KEY, _key(measurement), strict=True)]
        query = select(table).where(table.c.model == model, *same).order_by(table.c.revision)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            return _read(connection, query)


def _newest(connection: Connection, model: str, new: dict[_Key, Measurement]) -> dict[_Key, Recorded]:
    """The newest revision of whatever is there of the intervals of `new`."""
    starts = [start for start, *_ in new]
    span = table.c.interval_start.between(min(starts), max(starts))
    return {_key(each): each for each in _read(connection, _newest_revisions(model, span))}


def _newest_revisions(model: str, *conditions: ColumnElement[bool]) -> Select[tuple[Any, ...]]:
    age = func.row_number().over(partition_by=_KEY, order_by=table.c.revision.desc()).label("age")
    ranked = select(table, age).where(table.c.model == model, *conditions).subquery()
    columns = [column for column in ranked.columns if column.name != "age"]
    return select(*columns).where(ranked.c.age == 1).order_by(*(ranked.c[column.name] for column in _KEY))


def _read(connection: Connection, query: Select[tuple[Any, ...]]) -> tuple[Recorded, ...]:
    return tuple(_recorded(row) for row in connection.execute(query).mappings())


def _recorded(row: RowMapping) -> Recorded:
    values = values_of(row)
    interval = _interval(values)
    version = values["version"] if values["version"] != _NO_VERSION else None
    kept = {name: values[name] for name in Recorded.model_fields if name in values}
    return Recorded(**kept | {"interval": interval, "version": version})


def _interval(values: dict[str, Any]) -> Interval:
    return Interval(start=values["interval_start"], end=values["interval_end"])


def _row(measurement: Measurement, *, revision: int) -> dict[str, object]:
    values = measurement.model_dump(include=set(Measurement.model_fields) - {"interval", "version"})
    interval = measurement.interval
    return values | {
        "interval_start": interval.start,
        "interval_end": interval.end,
        "version": measurement.version or _NO_VERSION,
        "revision": revision,
    }


def _key(measurement: Measurement) -> _Key:
    interval, version = measurement.interval, measurement.version or _NO_VERSION
    return interval.start, interval.end, version, measurement.about, measurement.subject, measurement.measure


def _differs(new: Measurement, there: Recorded) -> bool:
    return any(getattr(new, name) != getattr(there, name) for name in _SAYS)
