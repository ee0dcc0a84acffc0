"""Rows of whole intervals out of the source, chunk by chunk: memory holds one chunk, whatever the interval's size."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa
import sqlalchemy as sa

from retrainer.config.near_miss import listed, nearest
from retrainer.config.source import Source
from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL
from retrainer.errors import BadDataError
from retrainer.sources.arrival import table_arrival
from retrainer.sources.arrow import Unconvertible, arrow_type, to_batch
from retrainer.sources.engine import reading, source_name
from retrainer.sources.table import SourceTable, find_table

CHUNK_ROWS = 20_000

__all__ = ["CHUNK_ROWS", "Extract", "OpenSource", "Unconvertible", "open_source"]


@dataclass(frozen=True)
class Extract:
    """A table that is ready to be read. `schema` has all its columns in the database's order."""

    connection: sa.Connection
    table: SourceTable
    schema: pa.Schema

    def complete(self, intervals: Sequence[Interval]) -> list[Interval]:
        """Those of `intervals` that have landed as a whole."""
        return [each for each in intervals if table_arrival(self.connection, self.table, each).complete]

    def as_text(self, columns: Sequence[str]) -> "Extract":
        """The same, with `columns` read as text: their values are not what the database says they are."""
        fields = [pa.field(each.name, pa.string()) if each.name in columns else each for each in self.schema]
        return replace(self, schema=pa.schema(fields))

    def read(self, interval: Interval, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[pa.RecordBatch]:
        """The rows whose event lies in `interval`, in batches of `schema`, in no particular order.

        Raises:
            Unconvertible: values are not of the reported type; read again with `as_text`.
        """
        # Columns without a type, so that SQLAlchemy hands on the driver's values and does not stumble over bad ones.
        columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in self.schema.names]
        query = sa.select(*columns).select_from(self.table.clause).where(self.table.within(interval))
        result = self.connection.execute(query, execution_options={"yield_per": chunk_rows})
        for rows in result.partitions():
            yield to_batch(rows, self.schema)


@dataclass(frozen=True)
class OpenSource:
    """The source, connected."""

    connection: sa.Connection
    source: Source

    def table(self, name: str) -> Extract:
        """The declared table `name`, with the columns that it has now.

        Raises:
            BadDataError: there is no such table; names the nearest one.
        """
        declared = self.source.tables[name]
        table = find_table(self.connection, name, declared)
        if table is None:
            raise self._no_table(declared.name or name)
        is_sqlite = self.connection.dialect.name == "sqlite"
        fields = [
            pa.field(column, arrow_type(kind, declared.columns.get(column), is_sqlite=is_sqlite))
            for column, kind in table.columns.items()
            if column.casefold() != INTERVAL
        ]
        return Extract(self.connection, table, pa.schema(fields))

    def _no_table(self, wanted: str) -> BadDataError:
        names = sa.inspect(self.connection).get_table_names(schema=wanted.rpartition(".")[0] or None)
        near = nearest(wanted, names)
        meant = f"; did you mean {near!r}?" if near else ""
        found = listed(names, near=near) or "no table"
        return BadDataError(f"table {wanted!r} is not in the database{meant} (it has: {found})")


@contextmanager
def open_source(engine: sa.Engine, source: Source) -> Iterator[OpenSource]:
    """The source on one read-only connection.

    Raises:
        SourceUnavailableError: the database did not answer, at first or later on.
    """
    with reading(engine, source_name(source)) as connection:
        yield OpenSource(connection, source)
