"""Every expectation type of GX comes to a verdict, on DuckDB or in chunks of pandas."""

import pytest

from retrainer.config.expectation_types import EXPECTATION_TYPES
from retrainer.validation import Expectation, Suite, validate
from retrainer.validation.chunks import run_in_chunks

D, C, F, A = {"column": "delay"}, {"column": "carrier"}, {"column": "flight_id"}, ["AA", "B6"]
PAIR = {"column_A": "flight_id", "column_B": "delay"}
SAME = {"column_list": ["flight_id", "delay"]}

VERDICTS: list[tuple[str, dict[str, object], bool, int]] = [
    ("expect_column_distinct_values_to_be_in_set", {**C, "value_set": ["AA"]}, False, 1),
    ("expect_column_distinct_values_to_contain_set", {**C, "value_set": ["AA"]}, True, 0),
    ("expect_column_distinct_values_to_equal_set", {**C, "value_set": A}, True, 0),
    (
        "expect_column_kl_divergence_to_be_less_than",
        {**C, "partition_object": {"values": A, "weights": [0.5, 0.5]}, "threshold": 0.1},
        True,
        0,
    ),
    ("expect_column_max_to_be_between", {**D, "max_value": 8}, False, 0),
    ("expect_column_mean_to_be_between", {**D, "min_value": 4.5, "max_value": 4.5}, True, 0),
    ("expect_column_median_to_be_between", {**D, "min_value": 4.5, "max_value": 4.5}, True, 0),
    ("expect_column_min_to_be_between", {**D, "min_value": 0}, True, 0),
    ("expect_column_most_common_value_to_be_in_set", {**C, "value_set": ["UA"]}, False, 0),
    ("expect_column_pair_values_a_to_be_greater_than_b", {**PAIR, "or_equal": True}, True, 0),
    ("expect_column_pair_values_a_to_be_greater_than_b", PAIR, False, 10),
    ("expect_column_pair_values_to_be_equal", PAIR, True, 0),
    ("expect_column_pair_values_to_be_in_set", {**PAIR, "value_pairs_set": [[0, 0], [1, 1]]}, False, 8),
    ("expect_column_proportion_of_non_null_values_to_be_between", {**D, "min_value": 1}, True, 0),
    ("expect_column_proportion_of_unique_values_to_be_between", {**C, "min_value": 0.2, "max_value": 0.2}, True, 0),
    (
        "expect_column_quantile_values_to_be_between",
        # pandas takes the nearest value: place 2.25 is value 2, place 4.5 is value 4 (half to even)
        {**D, "quantile_ranges": {"quantiles": [0.25, 0.5], "value_ranges": [[2, 2], [4, 4]]}},
        True,
        0,
    ),
    ("expect_column_stdev_to_be_between", {**D, "min_value": 3.02, "max_value": 3.03}, True, 0),
    ("expect_column_sum_to_be_between", {**D, "min_value": 45, "max_value": 45}, True, 0),
    ("expect_column_to_exist", {"column": "gate"}, False, 0),
    ("expect_column_type_to_be", {**D, "type_": "float64"}, True, 0),
    ("expect_column_unique_value_count_to_be_between", {**C, "min_value": 3}, False, 0),
    ("expect_column_value_lengths_to_be_between", {**C, "min_value": 3}, False, 10),
    ("expect_column_value_lengths_to_equal", {**C, "value": 2}, True, 0),
    ("expect_column_value_z_scores_to_be_less_than", {**D, "threshold": 1, "double_sided": True}, False, 4),
    ("expect_column_values_to_be_between", {**D, "min_value": 3, "strict_min": True}, False, 4),
    (
        "expect_column_values_to_be_between",
        {"column": "departs", "min_value": "2013-05-27T02:00:00", "max_value": "2013-05-28"},  # a date is its midnight
        False,
        2,
    ),
    ("expect_column_values_to_be_dateutil_parseable", C, False, 10),
    ("expect_column_values_to_be_decreasing", D, False, 9),
    ("expect_column_values_to_be_in_set", {**C, "value_set": ["AA"]}, False, 5),
    ("expect_column_values_to_be_in_type_list", {**C, "type_list": ["str"]}, True, 0),
    ("expect_column_values_to_be_increasing", {**D, "strictly": True}, True, 0),
    ("expect_column_values_to_be_json_parseable", C, False, 10),
    ("expect_column_values_to_be_null", C, False, 10),
    ("expect_column_values_to_be_of_type", {**F, "type_": "int64"}, True, 0),
    ("expect_column_values_to_be_unique", C, False, 10),
    ("expect_column_values_to_match_json_schema", {**C, "json_schema": {"type": "string"}}, False, 0),
    ("expect_column_values_to_match_like_pattern", {**C, "like_pattern": "A_"}, False, 5),
    ("expect_column_values_to_match_like_pattern_list", {**C, "like_pattern_list": ["A%", "%6"]}, True, 0),
    ("expect_column_values_to_match_regex", {**C, "regex": "^B"}, False, 5),
    ("expect_column_values_to_match_regex_list", {**C, "regex_list": ["^B", "A"]}, True, 0),
    ("expect_column_values_to_match_strftime_format", {**C, "strftime_format": "%Y"}, False, 10),
    ("expect_column_values_to_not_be_in_set", {**F, "value_set": [3, 4, 99]}, False, 2),
    ("expect_column_values_to_not_be_null", C, True, 0),
    ("expect_column_values_to_not_be_outliers", {**D, "method": "iqr", "multiplier": 0.25}, False, 4),
    ("expect_column_values_to_not_match_like_pattern", {**C, "like_pattern": "%A%"}, False, 5),
    ("expect_column_values_to_not_match_like_pattern_list", {**C, "like_pattern_list": ["%A%", "B%"]}, False, 10),
    ("expect_column_values_to_not_match_regex", {**C, "regex": "[0-9]"}, False, 5),
    ("expect_column_values_to_not_match_regex_list", {**C, "regex_list": ["[0-9]", "A"]}, False, 10),
    ("expect_compound_columns_to_be_unique", {"column_list": ["carrier", "delay"]}, True, 0),
    ("expect_multicolumn_sum_to_equal", {**SAME, "sum_total": 4}, False, 9),
    ("expect_multicolumn_values_to_be_equal", SAME, True, 0),
    ("expect_select_column_values_to_be_unique_within_record", SAME, False, 10),
    ("expect_table_column_count_to_be_between", {"min_value": 4, "max_value": 4}, True, 0),
    ("expect_table_column_count_to_equal", {"value": 5}, False, 0),
    ("expect_table_columns_to_match_ordered_list", {"column_list": ["flight_id", "gate"]}, False, 0),
    ("expect_table_columns_to_match_set", {"column_set": ["delay"], "exact_match": False}, True, 0),
    ("expect_table_row_count_to_be_between", {"min_value": 11}, False, 0),
    ("expect_table_row_count_to_equal", {"value": 10}, True, 0),
    ("expect_table_row_count_to_equal_other_table", {"other_table_name": "source"}, True, 0),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT * FROM {batch} WHERE delay > 6"}, False, 3),
]
UNSUPPORTED = {"expect_query_results_to_match_comparison"}
"""Compares with a data source of a GX context, which a declared suite does not have."""


def test_the_table_of_verdicts_holds_every_type():
    assert {name for name, *_ in VERDICTS} | UNSUPPORTED == set(EXPECTATION_TYPES)


@pytest.mark.parametrize(("name", "kwargs", "success", "failed"), VERDICTS, ids=[name for name, *_ in VERDICTS])
def test_each_type_comes_to_a_verdict_and_counts_the_failed_rows(make_batch, name, kwargs, success, failed):
    (check,) = validate(make_batch(), Suite("flights", [Expectation(name, kwargs)])).checks[-1:]
    assert (check.success, check.failed_rows) == (success, failed), check.message
    if name != "expect_column_values_to_match_json_schema":  # GX raises on values that are no JSON
        assert "could not be checked" not in check.message


def test_what_cannot_run_is_a_failed_check_that_says_why(make_batch):
    kwargs = {"base_query": "SELECT 1", "comparison_data_source_name": "other", "comparison_query": "SELECT 1"}
    expectation = Expectation("expect_query_results_to_match_comparison", kwargs)
    (check,) = validate(make_batch(), Suite("flights", [expectation])).failed
    assert "could not be checked: " in check.message


def test_an_expectation_that_fails_in_sql_does_not_take_the_others_with_it(make_batch):
    mean = Expectation("expect_column_mean_to_be_between", {"column": "carrier", "min_value": 1})
    good = Expectation("expect_column_values_to_be_in_set", {"column": "carrier", "value_set": ["AA"]})
    outcome = validate(make_batch(), Suite("flights", [mean, good]))
    broken, counted = outcome.failed
    assert "could not be checked" in broken.message
    assert (counted.expectation, counted.failed_rows) == (good.type, 5)


def test_numbers_as_text_are_not_cast_to_match(make_batch):
    expectation = Expectation("expect_column_values_to_be_in_set", {"column": "flight_id", "value_set": ["1", "2"]})
    (check,) = validate(make_batch(), Suite("flights", [expectation])).failed
    assert check.failed_rows == 10  # as pandas has it; SQL would find 1 and 2


def test_columns_with_odd_names_are_quoted(make_batch):
    batch = make_batch('delay AS "Delay (min)", carrier AS "order", flight_id AS "say ""hi"""')
    expectations = [
        Expectation("expect_column_values_to_be_between", {"column": "Delay (min)", "max_value": 5}),
        Expectation("expect_column_values_to_match_regex", {"column": "order", "regex": "A"}),
        Expectation("expect_column_values_to_be_unique", {"column": 'say "hi"'}),
    ]
    outcome = validate(batch, Suite("flights", expectations, key=('say "hi"',)))
    assert [check.failed_rows for check in outcome.checks[-3:]] == [4, 5, 0]


@pytest.mark.parametrize("chunk_rows", [1, 2, 3, 100], ids=lambda rows: f"{rows} rows")
@pytest.mark.parametrize(
    ("name", "column", "more", "counts"),
    [
        ("expect_column_values_to_match_regex", "carrier", {"regex": "A"}, (10, 2, 4)),
        ("expect_column_values_to_be_increasing", "delay", {}, (10, 3, 2)),
        ("expect_column_values_to_be_of_type", "flight_id", {"type_": "float64"}, None),
    ],
)
def test_the_size_of_the_chunks_does_not_matter(make_batch, name, column, more, counts, chunk_rows):
    batch = make_batch(
        "* REPLACE (nullif(flight_id, 9) AS flight_id, "
        "CASE WHEN flight_id > 1 THEN carrier END AS carrier, "
        "[0, 1, NULL, 0, 5, NULL, 'NaN'::DOUBLE, 4, 4, 9][1 + flight_id] AS delay)"
    )
    suite = Suite("flights", [Expectation(name, {"column": column, **more})])
    result = run_in_chunks(batch, suite.configurations()[0], chunk_rows=chunk_rows)
    if counts is None:
        assert result.success  # an integer column with a null in its last row is float64 from the first row on
    else:
        found = (result.result[key] for key in ("element_count", "missing_count", "unexpected_count"))
        assert tuple(found) == counts


def test_messages_hold_counts_and_no_values_of_rows(make_batch):
    expectation = Expectation("expect_column_values_to_be_between", {"column": "delay", "max_value": 8.5})
    (check,) = validate(make_batch(), Suite("flights", [expectation])).failed
    assert check.message == "`delay`: 1 of 10 values (10.00%) fail expect_column_values_to_be_between(max_value=8.5)"


def test_a_row_condition_limits_the_rows_that_are_looked_at(make_batch):
    condition = {"row_condition": 'col("flight_id") > 4', "condition_parser": "great_expectations"}
    expectation = Expectation("expect_column_values_to_be_between", {"column": "delay", "max_value": 3, **condition})
    (check,) = validate(make_batch(), Suite("flights", [expectation])).failed
    assert check.failed_rows == 5
