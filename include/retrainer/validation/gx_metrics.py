"""GX metrics for `DuckDBExecutionEngine`, where GX's own SQL has another meaning than GX on pandas.

Quantiles and quartiles are the order statistics that pandas takes. A row with a missing value in one of two columns
fails a comparison (in SQL it is unknown and not counted). Keys with a missing value in the same place are equal.
Importing this module registers the metrics with GX.
"""

# mypy: disable-error-code="untyped-decorator"

import math
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.expectations.metrics.column_aggregate_metric_provider import ColumnAggregateMetricProvider
from great_expectations.expectations.metrics.column_aggregate_metrics.column_outlier_statistics import OutlierStatistics
from great_expectations.expectations.metrics.column_pair_map_metrics import (
    column_pair_values_greater,
    column_pair_values_in_set,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (
    ColumnPairMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import (
    multicolumn_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_function_partial import (
    multicolumn_function_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (
    MulticolumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import MetricProvider, metric_value
from great_expectations.expectations.metrics.multicolumn_map_metrics import (
    compound_columns_unique,
    multicolumn_sum_equal,
)
from great_expectations.validator.metric_configuration import MetricConfiguration

from retrainer.validation.gx_duckdb import RESULT_FORMAT, DuckDBExecutionEngine

_GREATER = column_pair_values_greater.ColumnPairValuesAGreaterThanB
_IN_SET = column_pair_values_in_set.ColumnPairValuesInSet
_SUM = multicolumn_sum_equal.MulticolumnSumEqual
_UNIQUE = "column_values.unique"
_UNIQUE_DOMAIN = ("batch_id", "table", "column", "row_condition", "condition_parser")
_COMPOUND = compound_columns_unique.CompoundColumnsUnique


def _known(condition: Any) -> Any:
    return sa.func.coalesce(condition, sa.false())


class _PairGreater(ColumnPairMapMetricProvider):
    condition_metric_name = _GREATER.condition_metric_name
    condition_domain_keys = _GREATER.condition_domain_keys
    condition_value_keys = _GREATER.condition_value_keys

    @column_pair_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803, N805 (GX's own names)
        return _known(column_A >= column_B if kwargs.get("or_equal") else column_A > column_B)


class _PairInSet(ColumnPairMapMetricProvider):
    condition_metric_name = _IN_SET.condition_metric_name
    condition_domain_keys = _IN_SET.condition_domain_keys
    condition_value_keys = _IN_SET.condition_value_keys

    @column_pair_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803, N805 (GX's own names)
        pairs = kwargs.get("value_pairs_set")
        if pairs is None:
            return sa.true()
        # `== None` is IS NULL in SQLAlchemy, so a pair with a null in it matches rows with a null there.
        return _known(sa.or_(sa.false(), *(sa.and_(column_A == a, column_B == b) for a, b in pairs)))


class _SumEqual(MulticolumnMapMetricProvider):
    condition_metric_name = _SUM.condition_metric_name
    condition_domain_keys = _SUM.condition_domain_keys
    condition_value_keys = _SUM.condition_value_keys

    @multicolumn_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column_list: Any, **kwargs: Any) -> Any:  # noqa: N805 (GX passes `cls` by name)
        return _known(sum(column_list) == kwargs["sum_total"])


class _CompoundCount(MulticolumnMapMetricProvider):
    """How many rows share the key of each row; GROUP BY and PARTITION BY take nulls as equal, GX's join does not."""

    function_metric_name = _COMPOUND.function_metric_name
    condition_domain_keys = _COMPOUND.condition_domain_keys

    @multicolumn_function_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column_list: Any, **kwargs: Any) -> Any:  # noqa: N805 (GX passes `cls` by name)
        columns: list[Any] = [sa.column(name) for name in kwargs["_table_columns"]]
        repeats = sa.func.count().over(partition_by=list(column_list)).label("_num_rows")
        return sa.select(*columns, repeats).select_from(kwargs["_table"]).alias("counted")


class _UniqueCount(MetricProvider):
    """How many rows have a value that others have too. A grouping: GX's window takes five times as long."""

    metric_name = f"{_UNIQUE}.unexpected_count"
    domain_keys = _UNIQUE_DOMAIN
    value_keys = ()

    @metric_value(engine=DuckDBExecutionEngine)
    def _duckdb(cls, execution_engine: Any, metric_domain_kwargs: Any, **_: Any) -> int:  # noqa: N805
        repeated = _repeated(execution_engine, metric_domain_kwargs).subquery()
        query = sa.select(sa.func.coalesce(sa.func.sum(repeated.c.repeats), 0))
        return int(execution_engine.execute_query(query).scalar_one())


class _UniqueValues(MetricProvider):
    """Examples of values that several rows have; nothing is read where the count is 0."""

    metric_name = f"{_UNIQUE}.unexpected_values"
    domain_keys = _UNIQUE_DOMAIN
    value_keys = ("result_format",)

    @metric_value(engine=DuckDBExecutionEngine)
    def _duckdb(cls, execution_engine: Any, metric_domain_kwargs: Any, metrics: Any, **_: Any) -> list[Any]:  # noqa: N805
        if not metrics[_UniqueCount.metric_name]:
            return []
        query = _repeated(execution_engine, metric_domain_kwargs).limit(RESULT_FORMAT["partial_unexpected_count"])
        return [value for value, _repeats in execution_engine.execute_query(query).fetchall()]

    @classmethod
    def _get_evaluation_dependencies(
        cls,
        metric: MetricConfiguration,
        configuration: Any = None,  # noqa: ARG003 (GX's signature)
        execution_engine: Any = None,  # noqa: ARG003
        runtime_configuration: Any = None,  # noqa: ARG003
    ) -> dict[str, MetricConfiguration]:
        counted = MetricConfiguration(
            metric_name=_UniqueCount.metric_name, metric_domain_kwargs=metric.metric_domain_kwargs
        )
        return {counted.metric_name: counted}


def _repeated(engine: DuckDBExecutionEngine, domain: dict[str, Any]) -> Any:
    selectable, column = _domain(engine, domain)
    repeats = sa.func.count()
    query = sa.select(column, repeats.label("repeats")).select_from(selectable).where(column.isnot(None))
    return query.group_by(column).having(repeats > 1)


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
