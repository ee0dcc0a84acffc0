"""A suite is checked when it is built."""

import pytest
from great_expectations.expectations.registry import list_registered_expectation_implementations

from retrainer.config.expectation_types import EXPECTATION_TYPES
from retrainer.errors import ConfigurationError
from retrainer.validation import Expectation, Suite


def test_the_types_a_declaration_may_name_are_those_that_great_expectations_registers():
    registered = {name for name in list_registered_expectation_implementations() if not name.startswith("_")}
    assert set(EXPECTATION_TYPES) == registered
    assert list(EXPECTATION_TYPES) == sorted(EXPECTATION_TYPES)


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        pytest.param({"column": "delay", "min_value": 1, "mostly": 2}, "mostly", id="mostly above 1"),
        pytest.param({"min_value": 1}, "column", id="no column"),
        pytest.param({"column": "delay", "minimum": 1}, "minimum", id="unknown argument"),
    ],
)
def test_wrong_arguments_are_a_configuration_error_naming_table_place_type_and_reason(kwargs, reason):
    good = Expectation("expect_column_to_exist", {"column": "delay"})
    with pytest.raises(ConfigurationError) as caught:
        Suite("flights", [good, Expectation("expect_column_values_to_be_between", kwargs)])
    message = str(caught.value)
    assert "table 'flights', expectation 1 (expect_column_values_to_be_between)" in message
    assert reason in message


def test_an_unknown_type_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="expect_nothing"):
        Suite("flights", [Expectation("expect_nothing", {})])
