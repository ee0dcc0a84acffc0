"""Great Expectations on an open DuckDB connection: every private name of GX that we lean on is in this module.

GX knows no DuckDB. Two things make its SQL engine run on one: the dialect is entered among those whose connection GX
keeps open, and LIKE is allowed as for PostgreSQL. Where its SQL means something else than pandas does, `gx_metrics`
has the metric anew.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import duckdb
import duckdb_engine
import sqlalchemy as sa
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.execution_engine import sqlalchemy_execution_engine as gx_sql
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.expectations.expectation import _format_map_output, _mostly_success
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.validator.validator import Validator
from sqlalchemy.dialects import postgresql

DIALECT = "duckdb"
RESULT_FORMAT: dict[str, Any] = {"result_format": "SUMMARY", "partial_unexpected_count": 20}
"""Exact counts and at most 20 examples: bounded memory."""

if DIALECT not in gx_sql._PERSISTED_CONNECTION_DIALECTS:
    gx_sql._PERSISTED_CONNECTION_DIALECTS = (*gx_sql._PERSISTED_CONNECTION_DIALECTS, DIALECT)  # type: ignore[assignment]


class _BorrowedConnection(duckdb_engine.ConnectionWrapper):
    """A connection that GX may use and not close: it is the caller's."""

    def close(self) -> None:
        self.closed = True


class _LikePostgres(postgresql.dialect):  # type: ignore[misc, valid-type]
    """What GX looks at to see whether LIKE and its ESCAPE are there."""

    name = DIALECT
    supports_statement_cache = False


class DuckDBExecutionEngine(gx_sql.SqlAlchemyExecutionEngine):
    """GX's SQL engine over one view of an open DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, view: str) -> None:
        engine = sa.create_engine(
            "duckdb:///:memory:", creator=lambda: _BorrowedConnection(connection), poolclass=sa.pool.StaticPool
        )
        super().__init__(engine=engine, create_temp_table=False)
        self.dialect_module = SimpleNamespace(name=DIALECT, dialect=_LikePostgres)  # type: ignore[assignment]
        data = SqlAlchemyBatchData(execution_engine=self, table_name=view, create_temp_table=False)
        self.load_batch_data(view, data)

    def close(self) -> None:
        """End GX's transaction; the connection stays open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        super().close()


class _QuietValidator(Validator):
    def _determine_progress_bars(self) -> bool:
        return False


def run_on(
    engine: PandasExecutionEngine | DuckDBExecutionEngine,
    configurations: Sequence[ExpectationConfiguration],
    *,
    which_rows: bool = False,
) -> list[ExpectationValidationResult]:
    """GX's results for `configurations` on the batch that `engine` holds, in no particular order; errors are caught.

    `which_rows` adds the index of every row that failed (`unexpected_index_list`), as far as the engine has one.
    """
    wanted = {**RESULT_FORMAT, "result_format": "COMPLETE"} if which_rows else dict(RESULT_FORMAT)
    validator = _QuietValidator(execution_engine=engine)
    return validator.graph_validate(
        configurations=list(configurations),
        runtime_configuration={"result_format": wanted, "catch_exceptions": True},
    )


def raised(result: ExpectationValidationResult) -> str | None:
    """The first line of what GX raised for this expectation, or None: it came to a verdict."""
    info = result.exception_info or {}
    errors = [info] if "raised_exception" in info else list(info.values())
    for error in errors:
        if error["raised_exception"]:
            return (str(error["exception_message"]).strip().splitlines() or ["no message"])[0]
    return None


def pandas_engine(frame: Any) -> PandasExecutionEngine:
    """GX's pandas engine holding `frame`."""
    engine = PandasExecutionEngine()
    engine.load_batch_data("chunk", frame)
    return engine


def map_result(counts: Sequence[int], examples: list[Any], mostly: float) -> Any:
    """GX's verdict and result of a column map expectation, as GX itself computes them.

    `counts` are rows, rows with a missing value and rows that failed.
    """
    element_count, missing_count, unexpected_count = counts
    nonnull_count = element_count - missing_count
    vacuous = element_count == 0 or nonnull_count == 0
    return _format_map_output(
        result_format={"include_unexpected_rows": False, **RESULT_FORMAT},
        success=vacuous or _mostly_success(nonnull_count, unexpected_count, mostly),
        element_count=element_count,
        nonnull_count=nonnull_count,
        unexpected_count=unexpected_count,
        unexpected_list=examples,
    )
