"""A small table of flights, seeded mutations of it, and the expectations both engines are asked."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from retrainer.validation import Expectation

ROWS = 300
CARRIERS = ["AA", "B6", "DL", "UA"]

EXPECTATIONS = [
    Expectation("expect_column_values_to_not_be_null", {"column": "flight_id", "mostly": 0.999}),
    Expectation("expect_table_row_count_to_be_between", {"min_value": 200, "max_value": 400}),
    Expectation("expect_column_values_to_not_be_null", {"column": "delay", "mostly": 0.9}),
    Expectation("expect_column_values_to_be_null", {"column": "remark", "mostly": 0.8}),
    Expectation("expect_column_values_to_be_unique", {"column": "flight_id"}),
    Expectation("expect_column_values_to_be_in_set", {"column": "carrier", "value_set": CARRIERS}),
    Expectation("expect_column_values_to_be_in_set", {"column": "seats", "value_set": [100, 150, 200], "mostly": 0.95}),
    Expectation("expect_column_values_to_not_be_in_set", {"column": "carrier", "value_set": ["??", ""]}),
    Expectation("expect_column_values_to_be_between", {"column": "delay", "min_value": -60, "max_value": 120}),
    Expectation(
        "expect_column_values_to_be_between", {"column": "seats", "min_value": 50, "strict_min": True, "max_value": 200}
    ),
    Expectation(
        "expect_column_values_to_be_between",
        {"column": "departs", "min_value": "2013-01-01T00:00:00", "max_value": "2013-01-31T23:59:59", "mostly": 0.99},
    ),
    Expectation("expect_column_value_lengths_to_equal", {"column": "carrier", "value": 2}),
    Expectation("expect_column_value_lengths_to_be_between", {"column": "dest", "min_value": 3, "max_value": 4}),
    Expectation("expect_column_values_to_match_regex", {"column": "dest", "regex": "^[A-Z]{3}$", "mostly": 0.97}),
    Expectation("expect_column_values_to_not_match_regex", {"column": "dest", "regex": "^Q|[a-z]"}),
    Expectation("expect_column_mean_to_be_between", {"column": "delay", "min_value": -20, "max_value": 40}),
    Expectation("expect_column_median_to_be_between", {"column": "delay", "min_value": -20, "max_value": 40}),
    Expectation("expect_column_stdev_to_be_between", {"column": "delay", "min_value": 1, "max_value": 60}),
    Expectation("expect_column_sum_to_be_between", {"column": "seats", "min_value": 30_000, "max_value": 60_000}),
    Expectation("expect_column_max_to_be_between", {"column": "seats", "max_value": 200}),
    Expectation("expect_column_min_to_be_between", {"column": "delay", "min_value": -100}),
    Expectation(
        "expect_column_quantile_values_to_be_between",
        {"column": "delay", "quantile_ranges": {"quantiles": [0.1, 0.5], "value_ranges": [[-60, 0], [-30, 30]]}},
    ),
    Expectation("expect_column_distinct_values_to_be_in_set", {"column": "carrier", "value_set": CARRIERS}),
    Expectation("expect_column_unique_value_count_to_be_between", {"column": "dest", "min_value": 5, "max_value": 9}),
    Expectation("expect_column_proportion_of_unique_values_to_be_between", {"column": "flight_id", "min_value": 0.999}),
    Expectation("expect_column_most_common_value_to_be_in_set", {"column": "carrier", "value_set": ["AA", "UA"]}),
    Expectation(
        "expect_column_value_z_scores_to_be_less_than", {"column": "delay", "threshold": 3, "double_sided": True}
    ),
    Expectation("expect_column_values_to_not_be_outliers", {"column": "delay", "method": "iqr", "multiplier": 1.5}),
    Expectation("expect_column_values_to_be_increasing", {"column": "flight_id"}),
    Expectation(
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "arrives", "column_B": "departs", "mostly": 0.98},
    ),
    Expectation(
        "expect_column_pair_values_to_be_equal", {"column_A": "carrier", "column_B": "operator", "mostly": 0.9}
    ),
    Expectation(
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "carrier", "column_B": "operator", "value_pairs_set": [[c, c] for c in CARRIERS], "mostly": 0.9},
    ),
    Expectation("expect_compound_columns_to_be_unique", {"column_list": ["carrier", "departs"]}),
    Expectation("expect_multicolumn_values_to_be_equal", {"column_list": ["carrier", "operator"], "mostly": 0.9}),
    Expectation("expect_select_column_values_to_be_unique_within_record", {"column_list": ["departs", "arrives"]}),
]

Mutation = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def base_table() -> pd.DataFrame:
    """ROWS flights: ids, strings, integers, floats with nulls, timestamps and a column that is mostly null."""
    rng = np.random.default_rng(7)
    departs = pd.Timestamp("2013-01-01") + pd.to_timedelta(np.arange(ROWS) * 97, unit="min")
    carrier = rng.choice(CARRIERS, ROWS, p=[0.4, 0.2, 0.2, 0.2])
    remark = pd.Series([None] * ROWS, dtype=object)
    remark[::17] = "late bag"
    delay = pd.Series(rng.normal(5, 15, ROWS).round(1))
    delay[rng.random(ROWS) < 0.03] = np.nan
    return pd.DataFrame(
        {
            "flight_id": pd.Series(np.arange(1, ROWS + 1), dtype="Int64"),
            "carrier": carrier,
            "operator": carrier,
            "dest": rng.choice(["LAX", "SFO", "ORD", "MIA", "BOS", "ATL"], ROWS),
            "seats": pd.Series(rng.choice([100, 150, 200], ROWS), dtype="Int64"),
            "delay": delay,
            "departs": departs,
            "arrives": departs + pd.to_timedelta(rng.integers(40, 300, ROWS), unit="min"),
            "remark": remark,
        }
    )


def _rows(rng: np.random.Generator, table: pd.DataFrame) -> np.ndarray:
    share = rng.choice([0.004, 0.03, 0.2, 0.6])
    return rng.random(len(table)) < share


def _nulls(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    column = rng.choice(table.columns)
    return table.assign(**{column: table[column].mask(_rows(rng, table))})


def _out_of_range(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    delay, seats = int(rng.choice([-1000, -61, 121, 5000])), int(rng.choice([-1, 50, 151, 201, 5000]))
    return table.assign(
        delay=table["delay"].mask(_rows(rng, table), delay), seats=table["seats"].mask(_rows(rng, table), seats)
    )


def _duplicates(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return (
        table.iloc[[*range(len(table)), *rng.integers(0, len(table), int(rng.integers(1, 120)))]]
        if len(table)
        else table
    )


def _new_categories(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    values = ["ZZ", "??", "", "aa", "LONGER", "QQQ", "AA ", "L\nX", "Ünï"]
    columns = ["carrier", str(rng.choice(["dest", "operator"]))]
    return table.assign(**{name: table[name].mask(_rows(rng, table), rng.choice(values)) for name in columns})


def _nan(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(delay=table["delay"].where(~_rows(rng, table), np.nan))


def _swapped_times(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = _rows(rng, table)
    return table.assign(departs=table["arrives"].where(rows, table["departs"]), arrives=table["departs"])


def _shifted_times(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    shift = pd.Timedelta(days=int(rng.choice([-400, -1, 1, 20, 400])))
    return table.assign(departs=table["departs"].mask(_rows(rng, table), table["departs"] + shift))


def _shuffled(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.sample(frac=1, random_state=int(rng.integers(1000)))


def _fewer(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.head(int(rng.choice([0, 1, 2, 3, 50, 199])))


def _constant(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    column = rng.choice(["delay", "seats", "carrier", "flight_id"])
    return table.assign(**{column: table[column].iloc[:1].repeat(len(table)).to_numpy()[: len(table)]})


def _all_null(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    column = rng.choice(table.columns)
    return table.assign(**{column: table[column].mask(np.ones(len(table), dtype=bool))})


def _infinite(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(delay=table["delay"].mask(_rows(rng, table), rng.choice([np.inf, -np.inf])))


def _scaled(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(delay=table["delay"] * float(rng.choice([0, -1, 1e-9, 3, 1e9])))


MUTATIONS: Sequence[Mutation] = (
    _nulls, _out_of_range, _duplicates, _new_categories, _nan, _swapped_times, _shifted_times, _shuffled, _fewer,
    _constant, _all_null, _infinite, _scaled,
)  # fmt: skip


def mutated_table(seed: int) -> tuple[pd.DataFrame, str]:
    """The base table after one to three mutations, and their names. The same seed gives the same table."""
    rng = np.random.default_rng(seed)
    chosen = [MUTATIONS[seed % len(MUTATIONS)], *rng.choice(np.array(MUTATIONS), int(rng.integers(0, 3)))]
    table = base_table()
    for mutate in chosen:
        table = mutate(table, rng)
    return table.reset_index(drop=True), "+".join(mutate.__name__.strip("_") for mutate in chosen)


def write_parquet(table: pd.DataFrame, path: Path) -> Path:
    """`table` with the types of the base table; a NaN in `delay` stays NaN on even rows and is null on odd ones."""
    schema = pa.Schema.from_pandas(base_table(), preserve_index=False)
    columns = []
    for field in schema:
        values = table[field.name]
        if field.name == "delay":
            mask = (values.isna() & (np.arange(len(values)) % 2 == 1)).to_numpy()
            columns.append(pa.array(values.to_numpy(dtype=float), mask=mask, from_pandas=False))
        else:
            columns.append(pa.array(values, type=field.type, from_pandas=True))
    pq.write_table(pa.table(columns, schema=schema.remove_metadata()), path)
    return path
