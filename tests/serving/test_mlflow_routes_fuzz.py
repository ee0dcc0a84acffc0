"""Whatever is sent to /invocations becomes columns or a refusal, and nothing else."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from retrainer.serving.mlflow_records import CSV, FORMATS, parse_invocation
from retrainer.serving.problems import RequestError, problem_body
from tests.serving.test_records_fuzz import GOOD, MAX_RECORDS, NAMES, PARSER, check_columns, scalars, values

loose_scalars = scalars | st.sampled_from(["NaT", "nan", "1.5", "true", "2013-06-18", "2013-06-18T10:00:00", 0, 1])
loose = st.dictionaries(st.sampled_from(NAMES), loose_scalars, max_size=2).map(lambda changes: GOOD | changes)
rows = st.lists(loose, min_size=1, max_size=MAX_RECORDS)
columns = rows.map(lambda records: {name: [record[name] for record in records] for name in GOOD})
split = columns.map(lambda table: {"columns": list(table), "data": [*map(list, zip(*table.values(), strict=True))]})
almost_right = st.one_of(
    st.fixed_dictionaries({"dataframe_records": rows}),
    st.fixed_dictionaries({"dataframe_split": split}),
    st.fixed_dictionaries({"instances": rows}),
    st.fixed_dictionaries({"inputs": columns | loose}),
)
wrong = st.dictionaries(
    st.sampled_from([*FORMATS, "columns", "data"]),
    rows | columns | split | values | st.dictionaries(st.sampled_from(["columns", "data"]), values),
    max_size=2,
)


def parsed(body: bytes, kind: str = "application/json") -> None:
    try:
        read = parse_invocation(PARSER, kind, body)
    except RequestError as error:
        check_refusal(error)
    else:
        check_columns(read)


def check_refusal(error: RequestError) -> None:
    assert error.status in (400, 413)
    json.loads(problem_body(error, for_mlflow=True))


@given(almost_right)
@settings(max_examples=600, deadline=None)
def test_records_that_are_almost_right_are_read_or_refused(value: Any):
    parsed(json.dumps(value).encode())


@given(wrong | values)
@settings(max_examples=600, deadline=None)
def test_any_json_is_read_or_refused(value: Any):
    parsed(json.dumps(value).encode())


@given(st.binary(max_size=300), st.sampled_from(["application/json", CSV]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(body: bytes, kind: str):
    parsed(body, kind)


@given(st.lists(st.lists(st.text(max_size=8) | st.sampled_from(NAMES), min_size=1, max_size=4), max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_lines_of_csv_are_read_or_refused(lines: list[list[str]]):
    parsed("\n".join(",".join(line) for line in lines).encode("utf-8", "surrogatepass"), CSV)
