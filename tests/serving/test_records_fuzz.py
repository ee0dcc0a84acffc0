"""Whatever is sent, the parser gives columns or a RecordError that names a field, and nothing else."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrainer.contracts import InputField
from retrainer.serving.problems import MOST_PROBLEMS, problem_body
from retrainer.serving.records import ParsedRecords, RecordError, RecordParser
from tests.serving.flights import FLIGHT, flight_fields, make_spec

MAX_RECORDS = 5
FIELDS = (
    *flight_fields(),
    InputField(name="seats", type="integer", required=True, role="input"),
    InputField(name="charter", type="boolean", required=False, role="input"),
    InputField(name="tail", type="string", required=False, role="key"),
)
PARSER = RecordParser(make_spec(fields=FIELDS, serving={"max_records": MAX_RECORDS}))
GOOD = FLIGHT | {"seats": 100}
NAMES = [field.name for field in FIELDS]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=("Cs", "Cc", "So")), max_size=3),
    st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat()),
    st.sampled_from([1e308, 10**308, 10**309, 2**1024, 2**53 + 1, -(2**63), "", "0001-01-01T00:00:00+23:59", 5e-324]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
almost = st.dictionaries(st.sampled_from(NAMES), scalars, max_size=4).map(lambda changes: GOOD | changes)
records = almost | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), values, max_size=6) | values
bodies = st.fixed_dictionaries({"records": st.lists(records, max_size=MAX_RECORDS + 1)}) | values


def parsed(body: bytes) -> ParsedRecords | None:
    """The columns, whose shape and types are right; None where the body was refused as it has to be."""
    try:
        read = PARSER.parse(body)
    except RecordError as error:
        check_refusal(error)
        return None
    check_columns(read)
    return read


def check_refusal(error: RecordError) -> None:
    assert error.status in (400, 413, 422)
    assert str(error)
    assert len(error.problems) <= MOST_PROBLEMS
    assert bool(error.problems) == (error.status != 400)
    assert "cannot be read as records" not in str(error)
    json.loads(problem_body(error))


def check_columns(read: ParsedRecords) -> None:
    assert 1 <= read.count <= MAX_RECORDS
    assert read.columns.keys() | read.keys.keys() == set(NAMES)
    for field in FIELDS:
        column = {**read.columns, **read.keys}[field.name]
        assert column.shape == (read.count,)
        if field.type in ("float", "boolean") or field.name == "seats":
            assert column.dtype == np.float64
            assert not np.isinf(column).any()
        elif field.type == "timestamp":
            assert column.dtype == "datetime64[us]"
        else:
            kind = int if field.type == "integer" else str
            assert all(value is None or isinstance(value, kind) for value in column)


@given(bodies)
@settings(max_examples=600, deadline=None)
def test_any_json_is_read_or_refused_with_the_field(value: Any):
    parsed(json.dumps(value).encode())


@given(st.lists(almost, min_size=1, max_size=MAX_RECORDS), st.booleans())
@settings(max_examples=600, deadline=None)
def test_records_that_are_almost_right_are_read_or_refused_with_the_field(given_records: list[Any], escaped: bool):
    text = json.dumps({"records": given_records}, ensure_ascii=escaped)
    parsed(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=600, deadline=None)
def test_any_bytes_are_refused(body: bytes):
    assert parsed(body) is None


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_a_good_body_with_some_bytes_changed_is_read_or_refused_with_the_field(data: st.DataObject):
    body = bytearray(json.dumps({"records": [GOOD, GOOD]}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        if data.draw(st.booleans()):
            body[place] = data.draw(st.integers(0, 255))
        else:
            del body[place]
    parsed(bytes(body))


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=50),
    st.datetimes(timezones=st.timezones()).filter(lambda moment: 1700 <= moment.year < 2200),
)
@settings(max_examples=300, deadline=None)
def test_a_value_comes_out_as_it_went_in(distance: float, seats: int, carrier: str, departure: Any):
    offset = departure.utcoffset()
    whole_minutes = departure.replace(tzinfo=None).isoformat() + "Z" if offset.seconds % 60 else departure.isoformat()
    changes = {"distance": distance, "seats": seats, "carrier": carrier, "scheduled_departure": whole_minutes}
    read = parsed(json.dumps({"records": [GOOD | changes]}).encode())

    assert read is not None
    assert read.columns["distance"].tolist() == [distance]
    assert read.columns["seats"].tolist() == [seats]
    assert read.columns["carrier"].tolist() == [carrier]
    moment = departure.replace(tzinfo=None) - (offset if not offset.seconds % 60 else offset - offset)
    assert read.columns["scheduled_departure"].tolist() == [moment]


@pytest.mark.parametrize("name", NAMES)
def test_null_is_read_for_every_field(name: str):
    assert parsed(json.dumps({"records": [GOOD | {name: None}]}).encode()) is not None
