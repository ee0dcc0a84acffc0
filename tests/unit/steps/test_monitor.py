"""monitor: an interval measured against what the version learned from, kept, decided about and shown."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from retrainer.config.declaration import ModelConfig
from retrainer.config.monitoring import Monitoring
from retrainer.contracts import FeatureSet, Monitored, Recorded, StepRequest
from retrainer.ledger import Episodes, History, Outbox
from retrainer.registry import download
from retrainer.snapshots import DataPlace, pin, replace_partitions
from retrainer.steps import monitor, score
from retrainer.steps.build_features import windows
from retrainer.steps.monitor_reference import reference_of
from retrainer.steps.monitor_version import load_watched
from retrainer.steps.tracking import connect_tracking
from tests.worlds import FIRST, World, feature_table, run_killed, small_config

RELEASED = FIRST + timedelta(days=40)
ROWS = 150
SHIFTED = ("distance", "weather__temp")
"""The label follows weather__temp, and with it the predictions."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world in which one version was trained and released."""
    home = tmp_path_factory.mktemp("monitored") / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
        config = small_config(holdout_days=14)
        world = World(home, config.model_copy(update={"monitoring": _reporting(config, "never")}))
        world.release(RELEASED, world.features(RELEASED, rows_a_day=ROWS, signal=1.5))
        watched = load_watched(world.versions.get(1), world.config)
        reference_of(watched, world.settings.data_uri, world.config.schedule.interval_before(RELEASED))
    return world


def _reporting(config: ModelConfig, when: str) -> Monitoring:
    return config.monitoring.model_copy(update={"report": when, "report_rows": 200})


@pytest.fixture
def world(trained: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same version, with a registry, a ledger, data and a history of the test's own."""
    home = tmp_path / "home"
    shutil.copytree(trained.home, home)
    monkeypatch.chdir(home)  # as above
    return World(home, trained.config)


def night(world: World, number: int, *, shift: float = 0.0, **params: Any) -> Monitored:
    """The nth day after the release, its features `shift` higher, scored and monitored."""
    return monitor.run(request(world, number, shift=shift, **params), world.settings)


def request(world: World, number: int, *, shift: float = 0.0, **params: Any) -> StepRequest:
    as_of = RELEASED + timedelta(days=number)
    inputs: dict[str, Any] = {"build_features": features(world, as_of, shift)}
    inputs["score"] = score.run(world.request("score", as_of, inputs), world.settings)
    asked = world.request("monitor", as_of, inputs, run_id=f"night {number}")
    return asked.model_copy(update={"params": params})


def features(world: World, as_of: datetime, shift: float) -> FeatureSet:
    """Write the day before `as_of` into the feature table."""
    interval = world.config.schedule.interval_before(as_of)
    table = feature_table(world.config, interval.start, as_of, rows_a_day=ROWS, signal=1.5, seed=1)
    for name in SHIFTED:
        table = table.set_column(table.schema.get_field_index(name), name, pc.add(table[name], shift))
    uri = DataPlace(world.settings.data_uri, world.config.name).features()
    replace_partitions(uri, table.to_batches(), schema=table.schema, keys=[interval.key])
    training, holdout = windows(world.config, world.request("build_features", as_of, {}))
    window = training.model_copy(update={"end": holdout.end})
    pinned = pin(uri, table="features", window=window)
    return FeatureSet(table=pinned, snapshot=(), training=training, holdout=holdout, as_of=as_of)


def measured(world: World, number: int) -> dict[tuple[str, str], Recorded]:
    """What the history says of the nth day, by subject and measure."""
    end = RELEASED + timedelta(days=number)
    found = History.open(world.settings.ledger_url).latest(world.config.name, end - timedelta(days=1), end)
    return {(each.subject, each.measure): each for each in found}


def state(world: World) -> Any:
    """What must be the same however often an interval is monitored."""
    url, model = world.settings.ledger_url, world.config.name
    history = History.open(url).latest(model, FIRST, RELEASED + timedelta(days=99))
    without_time = {"measured_at", "created_at", "sent_at", "run_id"}
    return (
        [each.model_dump(exclude=without_time) for each in history],
        [each.model_dump(exclude=without_time) for each in Episodes.open(url).events(model)],
    )


def test_an_ordinary_night_is_quiet_and_every_number_is_kept(world):
    found = night(world, 1)
    assert (found.verdict, found.action, found.findings, found.alerts) == ("quiet", "none", (), 0)
    assert found.version == 1
    kept = measured(world, 1)
    assert not any(each.flagged for each in kept.values())
    assert {("distance", "shift"), ("carrier", "divergence"), ("prediction", "shift")} <= set(kept)
    assert kept["distance", "shift"].p_value > 0.001
    assert kept["distance", "shift"].expected > 0
    assert len(kept) == found.measurements - 29 * 2  # of each interval before: coverage, and the metric


def test_what_moves_for_three_nights_is_confirmed_and_fires_one_training_run(world):
    verdicts = [night(world, number, shift=1.5 if number > 1 else 0.0) for number in range(1, 6)]
    assert [each.verdict for each in verdicts] == ["quiet", "quiet", "quiet", "severe", "severe"]
    assert [each.action for each in verdicts] == ["none", "none", "none", "retrain", "none"]
    fired = verdicts[3]
    assert {finding.about for finding in fired.findings} == {"feature", "prediction"}
    (columns,) = [finding.subjects for finding in fired.findings if finding.about == "feature"]
    assert set(columns) == set(SHIFTED)
    assert (fired.episode, fired.train_as_of) == (1, RELEASED + timedelta(days=4))
    assert fired.train_run_id == f"monitor__1__{fired.interval.key}"
    assert "in flight" in verdicts[4].reason or "cool" in verdicts[4].reason or verdicts[4].reason
    (alert,) = Outbox.open(world.settings.ledger_url).unsent(9)
    assert alert.run_id == "night 4"


def test_the_same_interval_monitored_again_changes_nothing(world):
    for number in (1, 2, 3):
        first = night(world, number, shift=1.5)
    before = state(world)
    again = monitor.run(request(world, 3, shift=1.5), world.settings)
    assert state(world) == before
    assert again == first.model_copy(update={"alerts": 0})


def test_a_backfill_measures_and_does_nothing_else(world):
    for number in (1, 2, 3):
        found = night(world, number, shift=1.5, backfill=True)
    assert (found.verdict, found.action, found.alerts, found.train_run_id) == ("severe", "none", 0, "")
    assert measured(world, 3)["distance", "shift"].flagged
    assert state(world)[1] == []
    assert Outbox.open(world.settings.ledger_url).unsent(9) == ()


def test_an_interval_older_than_the_newest_one_does_nothing_either(world):
    night(world, 9)
    for number in (1, 2, 3):
        found = night(world, number, shift=1.5)
    assert (found.verdict, found.action) == ("severe", "none")
    assert state(world)[1] == []
    assert Outbox.open(world.settings.ledger_url).unsent(9) == ()


def test_the_report_has_the_decisions_numbers_and_plots_beside_it(world):
    world = replace(
        world, config=world.config.model_copy(update={"monitoring": _reporting(world.config, "every_interval")})
    )
    found = night(world, 1, shift=2.0)
    tracking = connect_tracking(world.settings)
    (run,) = tracking.client.search_runs(
        [tracking.client.get_experiment_by_name(f"{world.config.name}__monitor").experiment_id]
    )
    files = {item.path for item in tracking.client.list_artifacts(run.info.run_id)}
    assert "monitoring.html" in files
    assert any(name.endswith(".png") for name in files)
    assert run.info.run_id in found.report_url
    page = download(tracking, run.info.run_id, "monitoring.html").decode()
    assert "stands out" in page
    assert "Evidently's own verdicts decide nothing" in page


def test_without_a_version_in_production_there_is_nothing_to_monitor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path, small_config())
    asked = world.request("monitor", RELEASED, {})
    found = monitor.run(asked, world.settings)
    assert (found.verdict, found.skipped) == ("not_known", "no version is in production yet")


def test_where_the_data_of_the_version_are_gone_it_says_so_and_the_rest_is_measured(world):
    world.versions.tag(1, {"retrainer.features": "{}"})
    found = night(world, 1, shift=5.0)
    assert (found.verdict, found.action) == ("not_known", "none")
    notes = {each.note for each in measured(world, 1).values() if each.about == "feature"}
    (note,) = notes
    assert note.startswith("there is no reference: the record of v1 of flight_delay is not whole")


def test_a_reference_that_was_damaged_is_made_again(world):
    first = night(world, 1)
    (kept,) = Path(world.settings.data_uri).rglob("references/v1-*.bin")
    good = kept.read_bytes()
    kept.write_bytes(good[: len(good) // 2])
    again = monitor.run(request(world, 1), world.settings)
    assert again == first
    assert kept.read_bytes() == good


def test_an_interval_without_rows_is_said_to_have_none(world):
    as_of = RELEASED + timedelta(days=1)
    uri = DataPlace(world.settings.data_uri, world.config.name).features()
    training, holdout = windows(world.config, world.request("build_features", as_of, {}))
    pinned = pin(uri, table="features", window=training.model_copy(update={"end": holdout.end}))
    empty = FeatureSet(table=pinned, snapshot=(), training=training, holdout=holdout, as_of=as_of)
    inputs = {"build_features": empty}
    inputs["score"] = score.run(world.request("score", as_of, inputs), world.settings)
    found = monitor.run(world.request("monitor", as_of, inputs), world.settings)
    assert (found.verdict, found.action) == ("not_known", "none")
    assert {each.note for each in measured(world, 1).values() if each.about == "feature"} == {"no rows"}


@pytest.mark.parametrize(
    "moment",
    [
        "after retrainer.ledger.history:History.record",
        "before retrainer.ledger.episodes:Episodes.append",
        "after retrainer.ledger.episodes:Episodes.append",
        "after retrainer.ledger.outbox:Outbox.put",
    ],
)
def test_killed_at_any_point_and_run_again_it_leaves_what_it_would_have_left(world, moment):
    for number in (1, 2):
        night(world, number, shift=1.5)
    asked = request(world, 3, shift=1.5)
    assert run_killed(world, asked, at=moment) == -9
    found = monitor.run(asked, world.settings)
    assert (found.verdict, found.action) == ("severe", "retrain")
    assert [each.event for each in Episodes.open(world.settings.ledger_url).events(world.config.name)] == [
        "opened",
        "fired",
    ]
    assert len(Outbox.open(world.settings.ledger_url).unsent(9)) == 1
