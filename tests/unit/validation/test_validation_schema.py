"""Missing, renamed and mistyped columns are named, with both types."""

import pytest

from retrainer.validation import Expectation, Suite, validate
from retrainer.validation.schema import kind_of

DECLARED = {"flight_id": "integer", "carrier": "string", "delay": "float", "departs": "timestamp"}


@pytest.mark.parametrize(
    ("sql_type", "kind"),
    [
        ("BIGINT", "integer"), ("INTEGER UNSIGNED", "integer"), ("int64", "integer"), ("smallserial", "integer"),
        ("DOUBLE PRECISION", "float"), ("NUMERIC(10, 2)", "float"), ("REAL", "float"), ("halffloat", "float"),
        ("VARCHAR(3)", "string"), ("CHARACTER VARYING(3)", "string"), ("large_string", "string"), ("TEXT", "string"),
        ("BOOLEAN", "boolean"), ("bool", "boolean"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp"), ("timestamp[us, tz=UTC]", "timestamp"), ("DATETIME", "timestamp"),
        ("TIMESTAMP(6) WITHOUT TIME ZONE", "timestamp"), ("TIMESTAMP_NS", "timestamp"),
        ("DATE", None), ("BLOB", None), ("INTEGER[]", None), ("STRUCT(a INTEGER)", None),
    ],
)  # fmt: skip
def test_a_sql_type_has_the_declared_word_of_its_kind(sql_type, kind):
    assert kind_of(sql_type) == kind


def failures(batch, columns):
    outcome = validate(batch, Suite("flights", columns=columns))
    return {check.column: check.message for check in outcome.failed if check.expectation == "schema"}


def test_a_table_as_declared_passes(make_batch):
    outcome = validate(make_batch(), Suite("flights", columns=DECLARED))
    assert outcome.success
    assert outcome.quality == 1


@pytest.mark.parametrize(
    ("select", "message"),
    [
        pytest.param(
            "* RENAME (departs AS departs_utc)",
            "column `departs` (timestamp) is missing: found `departs_utc`, renamed?",
            id="renamed",
        ),
        pytest.param(
            "* RENAME (departs AS std)",
            "column `departs` (timestamp) is missing: found `std`, renamed?",
            id="renamed to another word: the only new column of that type",
        ),
        pytest.param("* EXCLUDE (departs)", "column `departs` (timestamp) is missing", id="gone"),
        pytest.param(
            "* REPLACE (departs::VARCHAR AS departs)",
            "column `departs` must be timestamp, found VARCHAR",
            id="of another type",
        ),
    ],
)
def test_a_column_that_is_not_as_declared_is_named(make_batch, select, message):
    assert failures(make_batch(select), DECLARED) == {"departs": message}


def test_whole_numbers_stand_in_for_floats_and_not_the_reverse(make_batch):
    assert failures(make_batch(), {"flight_id": "float"}) == {}
    assert failures(make_batch(), {"delay": "integer"}) == {"delay": "column `delay` must be integer, found DOUBLE"}


def test_an_undeclared_column_is_noted_and_no_failure(make_batch):
    outcome = validate(make_batch("*, 1 AS gate"), Suite("flights", columns=DECLARED))
    assert outcome.failed == ()
    (note,) = [check for check in outcome.checks if check.expectation == "extra_columns"]
    assert (note.message, note.severity) == ("not declared and ignored: `gate`", "warning")


def test_expectations_on_a_missing_column_fail_with_its_name_and_the_others_run(make_batch):
    expectations = [
        Expectation("expect_column_values_to_be_between", {"column": "delay", "min_value": 5}),
        Expectation("expect_column_values_to_be_in_set", {"column": "carrier", "value_set": ["AA"]}),
        Expectation("expect_column_pair_values_to_be_equal", {"column_A": "delay", "column_B": "flight_id"}),
        Expectation("expect_compound_columns_to_be_unique", {"column_list": ["carrier", "delay"]}),
        Expectation("expect_column_values_to_match_regex", {"column": "delay", "regex": "1"}),
    ]
    batch = make_batch("* RENAME (delay AS delay_minutes)")
    outcome = validate(batch, Suite("flights", expectations, columns=DECLARED))
    checks = outcome.checks[-5:]
    assert [check.success for check in checks] == [False] * 5
    assert [check.failed_rows for check in checks] == [0, 5, 0, 0, 0]
    for place in (0, 2, 3, 4):
        assert "column `delay` (float) is missing: found `delay_minutes`, renamed?" in checks[place].message


def test_a_column_that_nobody_declared_and_an_expectation_names_is_reported_as_missing(make_batch):
    expectation = Expectation("expect_column_values_to_not_be_null", {"column": "gate"}, "warning")
    outcome = validate(make_batch(), Suite("flights", [expectation]))
    (check,) = outcome.failed
    assert outcome.success
    assert check.message.endswith("could not be checked: column `gate` is missing")
