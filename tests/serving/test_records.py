"""Records in JSON become columns, or a refusal that names each field."""

import json
from http import HTTPStatus
from typing import Any

import jsonschema
import numpy as np
import pytest

from retrainer.contracts import InputField
from retrainer.serving.problems import problem_body
from retrainer.serving.records import RecordError, RecordParser
from tests.serving.flights import FLIGHT, SHARES, WEATHER, body_of, flight, flight_fields, make_spec, without

LOOKED_UP = {*(f"weather__{name}" for name in WEATHER), *(f"{name}_late_share" for name in SHARES)}


@pytest.fixture(scope="module")
def parser() -> RecordParser:
    return RecordParser(make_spec(serving={"max_records": 50}))


def refused(parser: RecordParser, body: bytes) -> RecordError:
    with pytest.raises(RecordError) as caught:
        parser.parse(body)
    assert json.loads(problem_body(caught.value))["status"] == caught.value.status
    return caught.value


def only_problem(parser: RecordParser, body: bytes) -> tuple[str, str]:
    error = refused(parser, body)
    assert error.status == HTTPStatus.UNPROCESSABLE_ENTITY
    (problem,) = error.problems
    return problem.pointer, problem.message


def one_type(kind: str, *, role: str = "input") -> RecordParser:
    field = InputField(name="value", type=kind, required=True, role=role)  # type: ignore[arg-type]
    return RecordParser(make_spec(fields=(field,)))


def test_each_type_becomes_its_kind_of_column(parser):
    parsed = parser.parse(body_of(flight(flight_id=12), flight(carrier=None, distance=10, scheduled_arrival=None)))

    assert parsed.count == 2
    departures = parsed.columns["scheduled_departure"]
    assert departures.dtype == "datetime64[us]"
    assert departures.tolist() == [np.datetime64("2013-06-18T10:00:00", "us").item()] * 2
    assert np.isnat(parsed.columns["scheduled_arrival"]).tolist() == [False, True]
    assert parsed.columns["carrier"].dtype == object
    assert parsed.columns["carrier"].tolist() == ["UA", None]
    assert parsed.columns["distance"].dtype == np.float64
    assert parsed.columns["distance"].tolist() == [719.0, 10.0]
    assert parsed.keys["flight_id"].tolist() == [12, None]


def test_the_columns_of_one_record_are_those_of_the_first_of_two(parser):
    record = flight(weather__temp=60, origin_late_share=None)
    one, two = parser.parse(body_of(record)), parser.parse(body_of(record, flight(weather__temp=None)))

    assert one.columns.keys() == two.columns.keys() == {field.name for field in flight_fields()} - {"flight_id"}
    for name, column in two.columns.items():
        assert column.dtype == one.columns[name].dtype
        np.testing.assert_array_equal(column[:1], one.columns[name])
    assert one.missing.keys() == LOOKED_UP - {"weather__temp", "origin_late_share"}
    assert two.missing.keys() == LOOKED_UP - {"weather__temp"}


def test_a_field_that_is_not_sent_is_missing_and_a_null_is_not(parser):
    parsed = parser.parse(body_of(flight(), flight(weather__temp=None), flight(weather__temp=50)))

    assert parsed.missing["weather__temp"].tolist() == [True, False, False]
    assert np.isnan(parsed.columns["weather__temp"]).tolist() == [True, True, False]


def test_booleans_and_whole_numbers_become_numbers():
    assert one_type("boolean").parse(b'{"records": [{"value": true}, {"value": null}]}').columns["value"][0] == 1.0
    whole = one_type("integer").parse(b'{"records": [{"value": 3}, {"value": 3.0}, {"value": 1e3}, {"value": null}]}')
    assert whole.columns["value"].tolist()[:3] == [3.0, 3.0, 1000.0]
    assert np.isnan(whole.columns["value"][3])


def test_a_key_keeps_every_digit():
    key = 2**63 - 1
    fields = (
        InputField(name="value", type="float", required=True, role="input"),
        InputField(name="id", type="integer", required=False, role="key"),
    )
    parser = RecordParser(make_spec(fields=fields))
    for records in ([{"value": 1, "id": key}], [{"value": 1, "id": key}, {"value": 1, "id": 7.0}, {"value": 1}]):
        assert parser.parse(body_of(*records)).keys["id"].tolist() == [key, 7, None][: len(records)]
    assert type(parser.parse(body_of({"value": 1, "id": 7.0})).keys["id"][0]) is int


def test_a_column_may_be_named_like_a_word_of_python():
    fields = tuple(InputField(name=name, type="float", required=True, role="input") for name in ("class", "__init__"))
    parsed = RecordParser(make_spec(fields=fields)).parse(body_of({"class": 1, "__init__": 2}))
    assert {name: column.tolist() for name, column in parsed.columns.items()} == {"class": [1.0], "__init__": [2.0]}


def test_an_unseen_category_is_no_mistake(parser):
    assert parser.parse(body_of(flight(carrier="Pan Am ✈"))).columns["carrier"].tolist() == ["Pan Am ✈"]


TIME = (
    "must be a time in ISO 8601 with its offset from UTC, such as 2013-06-18T06:00:00-04:00, got {}",
    "must have its offset from UTC, such as Z or -04:00, got {}",
    "must be in the years 1700 to 2199, got {}",
)
FINITE = "must be a finite number that fits 64 bits, got {}"
WRONG = {
    "text for a number": ("distance", '"far"', "must be a number, got 'far'"),
    "true for a number": ("distance", "true", "must be a number, got true"),
    "an object for a number": ("distance", '{"km": 1}', "must be a number, got an object"),
    "an array for a number": ("distance", "[1]", "must be a number, got an array"),
    "NaN": ("distance", "NaN", FINITE.format("NaN")),
    "Infinity": ("distance", "Infinity", FINITE.format("Infinity")),
    "-Infinity": ("distance", "-Infinity", FINITE.format("-Infinity")),
    "1e400": ("distance", "1e400", FINITE.format("a number beyond 1.8e308")),
    "400 digits": ("distance", "9" * 400, FINITE.format("a number of 400 digits")),
    "5,000 digits": ("distance", "9" * 5000, FINITE.format("a number of 5,000 digits")),
    "a number for a text": ("carrier", "5", "must be a text, got 5"),
    "NaN for a text": ("carrier", "NaN", "must be a text, got NaN"),
    "a long text": ("carrier", f'"{"x" * 1001}"', "must have at most 1,000 characters, got 1,001"),
    "half a character": ("carrier", r'"\ud800"', r"must be Unicode text, got '\ud800'"),
    "a time in words": ("scheduled_departure", '"tomorrow"', TIME[0].format("'tomorrow'")),
    "a day": ("scheduled_departure", '"2013-06-18"', TIME[0].format("'2013-06-18'")),
    "a number for a time": ("scheduled_departure", "1371549600", TIME[0].format("1371549600")),
    "a naive time": ("scheduled_departure", '"2013-06-18T06:00:00"', TIME[1].format("'2013-06-18T06:00:00'")),
    "a time without seconds": ("scheduled_departure", '"2013-06-18T06:00Z"', TIME[0].format("'2013-06-18T06:00Z'")),
    "a time too long ago": ("scheduled_departure", '"1066-10-14T09:00:00Z"', TIME[2].format("'1066-10-14T09:00:00Z'")),
    "a fraction of a key": ("flight_id", "1.5", "must be a whole number, got 1.5"),
    "a key of 20 digits": ("flight_id", "9" * 20, f"must be from {-(2**63)} to {2**63 - 1}, got {'9' * 20}"),
}


@pytest.mark.parametrize(("field", "value", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_refused_with_its_field_and_what_is_allowed(parser, field, value, message):
    record = json.dumps(flight(**{field: "@"})).replace('"@"', value)
    for place, body in enumerate((f'{{"records": [{record}]}}', f'{{"records": [{json.dumps(FLIGHT)}, {record}]}}')):
        assert only_problem(parser, body.encode()) == (f"records[{place}].{field}", message)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("integer", 2**53 + 1, "must be from -9007199254740992 to 9007199254740992, got 9007199254740993"),
        ("integer", True, "must be a number, got true"),
        ("integer", "3", "must be a number, got '3'"),
        ("boolean", 1, "must be true or false, got 1"),
        ("boolean", "yes", "must be true or false, got 'yes'"),
    ],
)
def test_whole_numbers_and_booleans_are_not_taken_for_one_another(kind, value, message):
    assert only_problem(one_type(kind), body_of({"value": value})) == ("records[0].value", message)


def test_a_field_that_has_to_be_sent_is_named(parser):
    place, message = only_problem(parser, body_of(FLIGHT, without("distance")))
    assert (place, message) == ("records[1].distance", "is missing; send null where it is not known")


def test_an_unknown_field_is_refused_with_the_nearest_one(parser):
    place, message = only_problem(parser, body_of(flight(distanse=3)))
    assert place == "records[0].distanse"
    assert message.startswith("unknown field 'distanse'; did you mean 'distance'?")


def test_a_name_that_is_no_name_is_shown_safely(parser):
    place, message = only_problem(parser, body_of(FLIGHT | {"\ud800 <b>": 3}))
    assert place == r"records[0].['\ud800 <b>']"
    assert message.startswith(r"unknown field '\ud800 <b>'")


def test_every_wrong_field_is_named_at_once(parser):
    error = refused(parser, body_of(flight(distance="far", carrier=1), without("origin"), 7))
    assert [problem.pointer for problem in error.problems] == [
        "records[0].carrier",
        "records[0].distance",
        "records[1].origin",
        "records[2]",
    ]
    assert str(error).startswith("4 fields are wrong; the first is records[0].carrier: must be a text, got 1")


def test_at_most_twenty_fields_are_named(parser):
    error = refused(parser, body_of(*[{}] * 10))
    assert len(error.problems) == 20
    assert "there may be more" in str(error)


SHAPES = {
    "null": ("null", "records", "is missing"),
    "an array": ("[]", "records", "is missing"),
    "nothing": ("{}", "records", "is missing"),
    "no array": ('{"records": {}}', "records", "must be an array of objects, got an object"),
    "empty": ('{"records": []}', "records", "must hold at least one record"),
    "no object": ('{"records": [3]}', "records[0]", "must be an object, got 3"),
    "beside": (json.dumps({"records": [FLIGHT], "recordz": 1}), "recordz", "unknown field 'recordz'; did you mean"),
}


@pytest.mark.parametrize(("body", "place", "message"), SHAPES.values(), ids=SHAPES)
def test_a_body_of_another_shape_is_refused(parser, body, place, message):
    found, text = only_problem(parser, body.encode())
    assert found == place
    assert text.startswith(message)


BROKEN = {
    "empty": (b"", "Expecting value"),
    "cut off": (b'{"records": [{"distance": 1', "Expecting ',' delimiter"),
    "two values": (body_of(FLIGHT) + b" x", "Extra data"),
    "a zero first": (b'{"records": [{"distance": 01}]}', "Expecting ',' delimiter"),
    "no UTF-8": (b'{"records": [{"carrier": "\xff"}]}', "not UTF-8: invalid start byte at byte 26"),
    "a mark first": (b"\xef\xbb\xbf{}", "Unexpected UTF-8 BOM"),
    "a million deep": (b'{"records": ' + b"[" * 1_000_000, "nested too deep"),
    "a million objects deep": (b'{"a":' * 200_000, "nested too deep"),
}


@pytest.mark.parametrize(("body", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_not_json_is_a_bad_request_that_says_where(parser, body, message):
    error = refused(parser, body)
    assert error.status == HTTPStatus.BAD_REQUEST
    assert message in str(error)


def test_a_hundred_thousand_records_are_too_many(parser):
    for record in (FLIGHT, {}):
        error = refused(parser, body_of(*[record] * 100_000))
        assert error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert str(error) == "records: must hold at most 50 records, got 100,000"


def test_as_many_records_as_declared_are_read(parser):
    assert parser.parse(body_of(*[FLIGHT] * 50)).count == 50
    assert refused(parser, body_of(*[FLIGHT] * 51)).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_without_a_section_serving_a_thousand_records_are_allowed():
    assert RecordParser(make_spec()).max_records == 1000


def test_the_schema_shows_fields_types_limits_and_an_example_that_is_read(parser):
    schema = parser.openapi()
    record = schema["properties"]["records"]["items"]

    assert schema["properties"]["records"]["maxItems"] == 50
    assert record["required"] == list(FLIGHT)
    assert record["properties"]["distance"]["type"] == ["number", "null"]
    assert record["properties"]["scheduled_departure"]["format"] == "date-time"
    assert record["properties"]["carrier"]["maxLength"] == 1000
    assert record["properties"]["flight_id"]["maximum"] == 2**63 - 1
    assert "Looked up" in record["properties"]["weather__temp"]["description"]
    assert schema["example"] == {"records": [FLIGHT | {"flight_id": 20130618}]}
    jsonschema.validate(schema["example"], schema)
    assert parser.parse(json.dumps(schema["example"]).encode()).count == 1


def test_an_example_that_would_be_refused_is_left_out():
    fields = (InputField(name="at", type="timestamp", required=True, role="input", example="2013-06-18T06:00:00"),)
    parser = RecordParser(make_spec(fields=fields))
    example: Any = parser.openapi()["example"]
    assert example == {"records": [{"at": None}]}
