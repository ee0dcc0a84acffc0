"""Business metrics as SQL over predictions, labels and features, and samples of the same rows."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from retrainer.errors import ConfigurationError
from retrainer.monitoring.business import Uncomputable
from retrainer.snapshots import connect
from retrainer.steps.label_rows import ROW_LABEL
from retrainer.steps.monitor_labels import LabelledRows
from retrainer.steps.monitor_predictions import OUTPUT
from tests.live import as_of
from tests.unit.steps.monitor_labels.flights import LATE, OUTPUTS, day, evaluate

EXPRESSIONS: Mapping[str, Any] = {
    "count(*)": 120,
    "avg(label)": LATE.mean(),
    "sum(CASE WHEN prediction > 0.5 THEN 1 - label ELSE 0 END)": float(((OUTPUTS > 0.5) * (1 - LATE)).sum()),
    "max(distance)": 719.0,
    "count(*) FILTER (carrier = 'AA') + count(*) FILTER (carrier = 'UA')": 120,
    "max(weather__temp)": None,
    "max(carrier)": "UA",
}


@pytest.mark.parametrize("source", ["scored", "served"])
@pytest.mark.parametrize(("expression", "result"), EXPRESSIONS.items())
def test_an_expression_is_computed_over_predictions_labels_and_features(source, expression, result, request):
    found = evaluate(request.getfixturevalue(source), expression)
    assert found == (pytest.approx(result) if isinstance(result, float) else result)


def test_an_expression_sees_the_rows_whose_label_is_known(scored):
    assert evaluate(scored, "count(*)", days=1 + 8 / 24) == 51


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("avg(prediction", "DuckDB refuses 'avg(prediction': Parser Error"),
        ("avg(predictions)", "DuckDB refuses 'avg(predictions)': Binder Error"),
        ("no_such_function(label)", "DuckDB refuses 'no_such_function(label)': Catalog Error"),
        ("prediction * label", "must be an aggregate that gives one number"),
        ("sum(label) OVER ()", "must be an aggregate that gives one number"),
    ],
)
def test_an_expression_that_is_wrong_names_itself(scored, expression, message):
    with pytest.raises(ConfigurationError) as caught:
        evaluate(scored, expression)
    assert str(caught.value).startswith("monitoring.performance.business[worth]: ")
    assert message in str(caught.value)


def test_an_expression_that_these_rows_are_not_for_gives_no_number(scored):
    found = evaluate(scored, "sum(CAST(carrier AS INTEGER))")
    assert isinstance(found, Uncomputable)
    assert "Conversion Error" in found.why


@pytest.mark.parametrize("source", ["scored", "served"])
def test_a_sample_has_predictions_labels_and_features_and_is_the_same_every_time(source, request):
    world = request.getfixturevalue(source)
    moment = as_of(0) + timedelta(days=1 + 8 / 24)
    with connect() as connection:
        rows = LabelledRows(world.config, world.settings.data_uri, connection, as_of=moment)
        relation, names = rows.sample(day(1), version=1, rows=30)
        first = relation.to_arrow_table()
        second = rows.sample(day(1), version=1, rows=30)[0].to_arrow_table()
        nobody = rows.sample(day(1), version=7, rows=30)[0].to_arrow_table()
    assert first.equals(second)
    assert (len(first), len(nobody)) == (30, 0)
    assert 0 < 30 - first[ROW_LABEL].null_count <= 11
    assert set(first[names["carrier"]].to_pylist()) == {"AA", "UA"}
    assert set(first[OUTPUT].to_pylist()) <= set(OUTPUTS[40:80])
    # no weather is there: the column is null, and still of its declared type
    assert first[names["weather__temp"]].null_count == 30
    assert first.schema.field(names["weather__temp"]).type == pa.float64()
