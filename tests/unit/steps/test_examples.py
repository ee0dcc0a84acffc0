"""The rows of the feature table that a model is judged on, where windows do not begin with an interval."""

from datetime import timedelta

import pyarrow as pa

from retrainer.contracts import FeatureSet, Interval
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME
from retrainer.snapshots import pin, replace_partitions
from retrainer.steps.examples import read_holdout
from tests.factories import day, make_config

MOMENT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    {
        "order_id": pa.int64(),
        "amount": pa.float64(),
        TIME: MOMENT,
        LABEL: pa.float64(),
        KNOWN_AT: MOMENT,
        INTERVAL: pa.string(),
    }
)


def test_a_holdout_that_begins_within_an_interval_has_the_rows_of_that_interval_too(tmp_path):
    config = make_config(schedule={"cron": "0 0 * * 1"}, windows={"training_days": 14, "holdout_days": 10})
    weeks = config.schedule.intervals(day(0).start, day(40).end)[:4]
    as_of = weeks[-1].end
    days = [(each.key, each.start + timedelta(days=number)) for each in weeks for number in range(7)]
    rows = [
        {"order_id": place, "amount": 1.0, TIME: at, LABEL: float(place % 2), KNOWN_AT: at, INTERVAL: key}
        for place, (key, at) in enumerate(days)
    ]
    uri = str(tmp_path / "features")
    batch = pa.RecordBatch.from_pylist(rows, SCHEMA)
    replace_partitions(uri, [batch], schema=SCHEMA, keys=[each.key for each in weeks])
    window = Interval(start=weeks[0].start, end=as_of)
    holdout = Interval(start=as_of - timedelta(days=10), end=as_of)
    features = FeatureSet(
        table=pin(uri, "features", window),
        snapshot=(),
        training=Interval(start=window.start, end=holdout.start),
        holdout=holdout,
        as_of=as_of,
    )

    examples, newest = read_holdout(config, features, window=holdout, columns=("amount",))

    assert len(examples) == 10
    assert len(newest) == 1
