"""Great Expectations on an open DuckDB connection: every private name of GX that we lean on is in this module.

GX knows no DuckDB. Three things make its SQL engine run on one: the dialect is entered among those whose connection
GX keeps open, LIKE is allowed as for PostgreSQL, and quantiles are
computed here, because GX's generic SQL for them picks other order statistics than pandas does.
"""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import duckdb
import duckdb_engine
import sqlalchemy as sa
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import sqlalchemy_execution_engine as gx_sql
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.expectations.expectation import _format_map_output, _mostly_success
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.column_aggregate_metric_provider import ColumnAggregateMetricProvider
from great_expectations.expectations.metrics.column_aggregate_metrics.column_outlier_statistics import OutlierStatistics
from great_expectations.expectations.metrics.metric_provider import metric_value
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
    engine: PandasExecutionEngine | DuckDBExecutionEngine, configurations: Sequence[ExpectationConfiguration]
) -> list[ExpectationValidationResult]:
    """GX's results for `configurations` on the batch that `engine` holds, in no particular order; errors are caught."""
    validator = _QuietValidator(execution_engine=engine)
    return validator.graph_validate(
        configurations=list(configurations),
        runtime_configuration={"result_format": dict(RESULT_FORMAT), "catch_exceptions": True},
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


def map_result(
    element_count: int, missing_count: int, unexpected_count: int, examples: list[Any], mostly: float
) -> Any:
    """GX's verdict and result of a column map expectation from its counts, as GX itself computes them."""
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


class _DuckDBQuantiles(ColumnAggregateMetricProvider):
    """column.quantile_values with the order statistics that pandas takes."""

    metric_name = "column.quantile_values"
    value_keys = ("quantiles", "allow_relative_error")

    @metric_value(engine=DuckDBExecutionEngine)
    def _duckdb(
        cls,  # noqa: N805 (GX passes `cls` by name)
        execution_engine: Any,
        metric_domain_kwargs: Any,
        metric_value_kwargs: Any,
        **_: Any,
    ) -> list[float]:
        method = metric_value_kwargs.get("allow_relative_error") or "nearest"
        return _quantiles(execution_engine, metric_domain_kwargs, metric_value_kwargs["quantiles"], method)


class _DuckDBOutlierStatistics(ColumnAggregateMetricProvider):
    """column.outlier_statistics; the methods are those of GX: `iqr` (linear quartiles) and `std`."""

    metric_name = "column.outlier_statistics"
    value_keys = ("method",)

    @metric_value(engine=DuckDBExecutionEngine)
    def _duckdb(
        cls,  # noqa: N805 (GX passes `cls` by name)
        execution_engine: Any,
        metric_domain_kwargs: Any,
        metric_value_kwargs: Any,
        **_: Any,
    ) -> OutlierStatistics:
        if metric_value_kwargs["method"] == "iqr":
            lower, upper = _quantiles(execution_engine, metric_domain_kwargs, [0.25, 0.75], "linear")
        else:
            selectable, column = _domain(execution_engine, metric_domain_kwargs)
            number = sa.cast(column, sa.Double)
            query = sa.select(sa.func.avg(number), sa.func.stddev_samp(number)).select_from(selectable)
            mean, deviation = execution_engine.execute_query(query).fetchone()
            return OutlierStatistics.symmetric(center=_finite(mean), spread=_finite(deviation))
        bounds = (_finite(lower), _finite(upper))
        spread = None if None in bounds else upper - lower
        return OutlierStatistics(lower_reference=bounds[0], upper_reference=bounds[1], spread=spread)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _domain(engine: DuckDBExecutionEngine, domain: dict[str, Any]) -> tuple[Any, Any]:
    selectable, _, accessor = engine.get_compute_domain(domain, domain_type=MetricDomainTypes.COLUMN)
    if isinstance(selectable, sa.Select):
        selectable = selectable.subquery()
    return selectable, sa.column(accessor["column"])


def _quantiles(
    engine: DuckDBExecutionEngine, domain: dict[str, Any], quantiles: Sequence[float], method: str
) -> list[float]:
    selectable, column = _domain(engine, domain)
    (count,) = engine.execute_query(sa.select(sa.func.count(column)).select_from(selectable)).fetchone()
    if not count:
        return [math.nan for _ in quantiles]
    places = [(count - 1) * quantile for quantile in quantiles]
    ranks = sorted({rank for place in places for rank in (math.floor(place), math.ceil(place))})
    # quantile_disc(x, (k + 1/2) / n) is the k-th smallest of n values, counted from 0.
    picks = [sa.func.quantile_disc(column, sa.literal_column(repr((rank + 0.5) / count))) for rank in ranks]
    row = engine.execute_query(sa.select(*picks).select_from(selectable)).fetchone()
    ordered = dict(zip(ranks, row, strict=True))
    return [_between(place, ordered, method) for place in places]


def _between(place: float, ordered: dict[int, Any], method: str) -> Any:
    low, high = math.floor(place), math.ceil(place)
    if method == "nearest":
        return ordered[round(place)]
    if method == "lower":
        return ordered[low]
    if method == "higher":
        return ordered[high]
    share = 0.5 if method == "midpoint" and low != high else place - low
    return ordered[low] + (ordered[high] - ordered[low]) * share
