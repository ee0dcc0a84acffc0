"""build_features: from the validated snapshot into the feature table, only what changed, pinned."""

import pytest

from retrainer.contracts import FeatureSet, StagedSnapshot, ValidationReport
from retrainer.errors import ConfigurationError
from retrainer.snapshots import connect, open_view
from retrainer.steps import build_features, snapshot, validate_data
from tests.factories import change_source, day, make_config, make_request, make_settings, small_source


@pytest.fixture
def source(tmp_path):
    return small_source(tmp_path / "source.sqlite", days=range(9))


@pytest.fixture
def settings(tmp_path, source):
    return make_settings(tmp_path, source)


def features_as_of(settings, number: int, config=None) -> FeatureSet:
    """Features of the run whose interval is day `number`, through the three data steps."""
    interval = day(number)
    staged: StagedSnapshot = snapshot.run(make_request("snapshot", config, interval=interval), settings)
    request = make_request("validate_data", config, interval=interval, inputs={"snapshot": staged})
    report: ValidationReport = validate_data.run(request, settings)
    inputs = {"validate_data": report}
    return build_features.run(make_request("build_features", config, interval=interval, inputs=inputs), settings)


def test_the_windows_follow_each_other_and_end_at_as_of(settings):
    features = features_as_of(settings, 7, make_config(windows={"gap_days": 1}))
    assert features.training.end == day(4).end
    assert features.holdout.start == day(5).end
    assert features.holdout.end == features.as_of == day(7).end


def test_there_is_a_row_for_every_row_of_the_windows(settings):
    features = features_as_of(settings, 7)
    assert features.table.rows == 6 * 12
    assert features.table.window.start == features.training.start


def test_the_same_request_twice_makes_no_new_version(settings):
    assert features_as_of(settings, 7) == features_as_of(settings, 7)


def test_the_next_day_adds_its_partition_and_leaves_the_digest_of_the_day_before_alone(settings):
    before = features_as_of(settings, 7)
    after = features_as_of(settings, 8)
    assert after.table.version == before.table.version + 1
    assert features_as_of(settings, 7).table.digest == before.table.digest


def test_changed_features_do_not_mix_with_partitions_made_before(settings):
    features_as_of(settings, 7)
    window = {"by": ["region"], "value": "label", "aggregate": "mean", "over": "2d"}
    changed = features_as_of(settings, 8, make_config(features={"windows": {"region_late": window}}))
    assert changed.table.rows == 6 * 12


def test_a_request_without_the_validated_snapshot_says_so(settings):
    with pytest.raises(ConfigurationError, match="build_features needs the result of validate_data"):
        build_features.run(make_request("build_features"), settings)


def test_a_corrected_row_of_the_interval_changes_the_features(settings, source):
    before = features_as_of(settings, 7)
    change_source(source, "UPDATE orders SET amount = amount + 1 WHERE order_id = 90")
    assert features_as_of(settings, 7).table.digest != before.table.digest


def test_labels_that_are_filled_in_later_reach_the_next_run(settings, source):
    change_source(source, "UPDATE orders SET days_to_pay = NULL WHERE order_id >= 84 AND order_id < 96")
    features_as_of(settings, 7)
    change_source(source, "UPDATE orders SET days_to_pay = 9 WHERE order_id >= 84 AND order_id < 96")
    features = features_as_of(settings, 8)
    with connect() as connection:
        open_view(connection, features.table, "features")
        query = f"SELECT count(*), count(label) FROM features WHERE _interval = '{day(7).key}'"
        assert connection.sql(query).fetchall() == [(12, 12)]
