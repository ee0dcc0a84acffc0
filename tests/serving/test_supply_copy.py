"""What a server has to know of a version: the fields of its records, and its sample."""

import json

import numpy as np
import pytest

from retrainer.config.load import load_declaration
from retrainer.config.serving import Serving
from retrainer.errors import BadDataError
from retrainer.registry import DIGEST, Version
from retrainer.serving.supply.describe import record_fields, sample_of, write_copy
from tests.worlds import PROJECT

CONFIG = load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")
SAMPLE = {
    "scheduled_departure": np.array(["NaT", "2013-06-18T10:00:00"], dtype="datetime64[us]"),
    "scheduled_arrival": np.array(["2013-06-18T12:30:00.5"] * 2, dtype="datetime64[us]"),
    "carrier": np.array([None, "UA"], dtype=object),
    "distance": np.array([np.nan, 719.0]),
    "weather__temp": np.array([68.0, 70.5]),
}


def test_the_fields_of_a_record_follow_from_the_declaration():
    fields = {field.name: field for field in record_fields(CONFIG, SAMPLE)}
    assert [name for name, field in fields.items() if field.required] == list(CONFIG.features.inputs)
    assert {field.role for field in fields.values()} == {"input", "looked_up", "window", "key"}
    assert [(fields[name].type, fields[name].role, fields[name].required) for name in FIELDS] == list(FIELDS.values())
    assert len(fields) == 6 + 6 + 3 + 1


FIELDS = {
    "scheduled_departure": ("timestamp", "input", True),
    "carrier": ("string", "input", True),
    "weather__temp": ("float", "looked_up", False),
    "dest_late_share": ("float", "window", False),
    "flight_id": ("integer", "key", False),
}


def test_examples_are_the_first_values_of_the_sample_that_are_there():
    fields = {field.name: field.example for field in record_fields(CONFIG, SAMPLE)}
    assert fields["scheduled_departure"] == "2013-06-18T10:00:00.000000Z"
    assert (fields["carrier"], fields["distance"], fields["weather__temp"]) == ("UA", 719.0, 68.0)
    assert fields["flight_id"] == 1


def test_a_column_that_a_split_goes_by_may_be_sent():
    config = CONFIG.model_copy(update={"serving": Serving(entity=("arrived_at", "carrier"))})
    keys = [field.name for field in record_fields(config, SAMPLE) if field.role == "key"]
    assert keys == ["flight_id", "arrived_at"]


def test_the_sample_holds_values_as_json_has_them_and_null_for_missing_ones():
    fields = record_fields(CONFIG, SAMPLE)
    sample = sample_of(fields, SAMPLE, np.array([0.25, 0.5]))
    assert sample.outputs == (0.25, 0.5)
    assert sample.records[0] == {
        "scheduled_departure": None,
        "scheduled_arrival": "2013-06-18T12:30:00.500000Z",
        "carrier": None,
        "distance": None,
        "weather__temp": 68.0,
    }


def test_whole_numbers_and_booleans_are_such_again():
    fields = record_fields(CONFIG, SAMPLE)
    typed = [
        field.model_copy(update={"type": kind}) for field, kind in zip(fields, ("integer", "boolean"), strict=False)
    ]
    columns = {typed[0].name: np.array([3.0, np.nan]), typed[1].name: np.array([1.0, 0.0])}
    sample = sample_of(typed, columns, np.zeros(2))
    assert [tuple(record.values()) for record in sample.records] == [(3, True), (None, False)]
    assert type(sample.records[0][typed[0].name]) is int


def test_a_row_that_nobody_could_send_is_left_out_of_the_sample():
    fields = record_fields(CONFIG, SAMPLE)
    columns = {
        "distance": np.array([1.0, np.inf, 3.0, 4.0]),
        "carrier": np.array(["UA", "UA", "x" * 1001, "UA"], object),
    }
    sample = sample_of(fields, columns, np.array([0.1, 0.2, 0.3, np.nan]))
    assert (len(sample.records), sample.outputs) == (1, (0.1,))


def test_a_version_that_was_saved_without_its_declaration_is_refused(trained_model, tmp_path):
    with trained_model.files() as files:
        facts = files / "extra_files" / "retrainer.json"
        content = json.loads(facts.read_text())
        facts.write_text(json.dumps({key: value for key, value in content.items() if key != "declaration"}))
        with pytest.raises(BadDataError, match="v4 was saved without its declaration"):
            write_copy(files, tmp_path / "copy", Version("m", 4, "", "", {DIGEST: "abc"}))
