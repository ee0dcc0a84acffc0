"""Rows of whole intervals out of the source, chunk by chunk: memory holds one chunk, whatever the interval's size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import sqlalchemy as sa

from retrainer.config.near_miss import listed, nearest
from retrainer.config.source import Table
from retrainer.contracts import Interval
from retrainer.errors import BadDataError
from retrainer.sources.arrow import Unconvertible, arrow_type, to_batch
from retrainer.sources.table import SourceTable, find_table

CHUNK_ROWS = 20_000

__all__ = ["CHUNK_ROWS", "Extract", "Unconvertible", "open_extract"]


@dataclass(frozen=True)
class Extract:
    """A table that is ready to be read. `schema` has all its columns in the database's order."""

    table: SourceTable
    schema: pa.Schema

    def sql_types(self) -> dict[str, str]:
        """Columns with the names of the types that the database reports."""
        return {name: _type_name(kind) for name, kind in self.table.columns.items()}

    def as_text(self, columns: Sequence[str]) -> "Extract":
        """The same, with `columns` read as text: their values are not what the database says they are."""
        fields = [pa.field(each.name, pa.string()) if each.name in columns else each for each in self.schema]
        return replace(self, schema=pa.schema(fields))

    def read(
        self, connection: sa.Connection, interval: Interval, *, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The rows whose event lies in `interval`, in batches of `schema`, in no particular order.

        Raises:
            Unconvertible: values are not of the reported type; read again with `as_text`.
            SQLAlchemyError: the database did not answer.
        """
        # Columns without a type, so that SQLAlchemy hands on the driver's values and does not stumble over bad ones.
        columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in self.schema.names]
        query = sa.select(*columns).select_from(self.table.clause).where(self.table.within(interval))
        result = connection.execute(query, execution_options={"yield_per": chunk_rows})
        for rows in result.partitions():
            yield to_batch(rows, self.schema)


def open_extract(connection: sa.Connection, name: str, declared: Table) -> Extract:
    """The declared table `name`, with the columns that it has now.

    Raises:
        BadDataError: there is no such table; names the nearest one.
    """
    table = find_table(connection, name, declared)
    if table is None:
        wanted = declared.name or name
        names = sa.inspect(connection).get_table_names(schema=wanted.rpartition(".")[0] or None)
        near = nearest(wanted, names)
        meant = f"; did you mean {near!r}?" if near else ""
        raise BadDataError(f"table {wanted!r} is not in the database{meant} (it has: {listed(names, near=near)})")
    is_sqlite = connection.dialect.name == "sqlite"
    fields = [
        pa.field(column, arrow_type(kind, declared.columns.get(column), is_sqlite=is_sqlite))
        for column, kind in table.columns.items()
    ]
    return Extract(table, pa.schema(fields))


def _type_name(kind: sa.types.TypeEngine[object]) -> str:
    try:
        return str(kind)
    except sa.exc.CompileError:  # a type of one dialect only
        return type(kind).__name__.upper()
