"""The look at a label's SQL expression: typing errors are found, and what DuckDB takes is let through."""

import duckdb
import pytest

from retrainer.config.expression import expression_mistake

_COLUMNS = {
    "delay": "float",
    "status": "string",
    "late": "boolean",
    "moment": "timestamp",
    "Year": "integer",
    "a b": "float",
}


@pytest.mark.parametrize(
    "expression",
    [
        "delay > 15",
        "DELAY > 1.5e1 AND NOT late",
        "late",
        "CASE WHEN status = 'lost; -- it''s' THEN NULL WHEN delay IS NULL THEN FALSE ELSE delay >= 15 END",
        "status IN ('x', 'y') OR \"a b\" > 0 OR \"delay\" < .5",
        "moment + INTERVAL '1 day' > TIMESTAMP '2024-01-01'",
        "moment + INTERVAL 3 HOURS > moment",
        "CAST(delay AS INTEGER) % 2 = 1 AND late::INT = 1",
        "coalesce(nullif(status, ''), 'x') LIKE '%a%' AND delay BETWEEN 1 AND 2",
        "date_part('hour', moment) > 5 AND year(moment) = Year",
        "len(list_filter([delay], lambda x: x > 3)) > 0",
        "extract(year FROM moment) > 2000",
        "status SIMILAR TO 'a.*' AND [1, 2][1] = 1 AND {'k': delay}.k > 1",
    ],
)
def test_an_expression_that_duckdb_takes_is_let_through(expression: str) -> None:
    types = {
        "float": "DOUBLE",
        "string": "VARCHAR",
        "boolean": "BOOLEAN",
        "timestamp": "TIMESTAMP",
        "integer": "INTEGER",
    }
    columns = ", ".join(f'"{name}" {types[kind]}' for name, kind in _COLUMNS.items())
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        connection.execute(f"SELECT {expression} FROM t")

    assert expression_mistake(expression, _COLUMNS) is None


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("dely > 15", "unknown column 'dely'; did you mean 'delay'?"),
        ("delay > 15 AND lat", "unknown column 'lat'; did you mean 'late'?"),
        ('"dely" > 15', "unknown column 'dely'; did you mean 'delay'?"),
        ("status = 'x", "has a ' that is not closed"),
        ('"delay > 15', 'has a " that is not closed'),
        ("(delay > 15", "has a ( that is not closed"),
        ("delay > 15)", "has a ) that was not opened"),
        ("coalesce(delay, [1)", "has a ) that was not opened"),
        ("delay > 15; DROP TABLE flights", "must be one SQL expression, without comments and ;"),
        ("delay > 15 -- late", "must be one SQL expression, without comments and ;"),
        ("delay /* minutes */ > 15", "must be one SQL expression, without comments and ;"),
        ("delay > (SELECT 15)", "not a statement with SELECT"),
    ],
)
def test_a_typing_error_is_found(expression: str, message: str) -> None:
    mistake = expression_mistake(expression, _COLUMNS)

    assert mistake is not None
    assert message in mistake
