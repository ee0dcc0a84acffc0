"""compare on a real feature table, a real artifact and a real champion: every gate decides, and days are drawn."""

from datetime import UTC, datetime

import pytest

from retrainer.config.declaration import CanonicalCase
from retrainer.registry import load_model
from tests.worlds import World, small_config

FIRST = datetime(2013, 6, 3, 4, tzinfo=UTC)
SECOND = datetime(2013, 6, 10, 4, tzinfo=UTC)


def world_with(folder, *, gates=None, evaluation=None, **changes) -> World:
    config = small_config()
    changes |= {
        "gates": config.gates.model_copy(update=gates or {}),
        "evaluation": config.evaluation.model_copy(update=evaluation or {}),
    }
    (folder / "home").mkdir()
    return World(folder / "home", config.model_copy(update=changes))


@pytest.fixture(autouse=True)
def _in_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder


def decided(world: World, as_of: datetime, features) -> tuple:
    results = {"build_features": features, "train": world.run("train", as_of, {"build_features": features})}
    return world.run("compare", as_of, results), results


def test_a_decision_has_a_line_for_every_gate_and_days_as_blocks(tmp_path):
    world = world_with(tmp_path, gates={"slices": ("carrier",), "min_slice_rows": 50})
    world.release(FIRST, world.features(FIRST))
    decision, results = decided(world, SECOND, world.features(SECOND, signal=-3.0, seed=1))
    assert [gate.name for gate in decision.gates] == [
        "superiority", "baseline", "floor", "slices carrier", "calibration", "canonical", "latency", "size",
        "input_schema",
    ]  # fmt: skip
    assert [gate.name for gate in decision.gates if not gate.passed] == []
    assert (decision.promote, decision.blocks, decision.champion_version) == (True, 7, 1)
    assert [each.value for each in decision.slices] == ["A", "B", "C"]
    assert decision.challenger_low < decision.challenger_value < decision.challenger_high
    again = world.run("compare", SECOND, results)
    measured = {gate.name: gate for gate in again.gates if gate.name != "latency"}
    assert measured == {gate.name: gate for gate in decision.gates if gate.name != "latency"}


def test_the_same_recipe_with_a_new_seed_is_not_promoted(tmp_path):
    world = world_with(tmp_path)
    world.release(FIRST, world.features(FIRST))
    reseeded = World(world.home, world.config.model_copy(update={"seed": 99}))
    decision, _ = decided(reseeded, SECOND, reseeded.features(SECOND))
    assert not decision.promote
    assert "not shown to be better than champion v1" in decision.reason


def test_a_schedule_with_other_intervals_still_draws_local_days(tmp_path):
    schedule = small_config().schedule.model_copy(update={"cron": "0 */6 * * *"})
    world = world_with(tmp_path, schedule=schedule)
    decision, _ = decided(world, FIRST, world.features(FIRST, rows_a_day=30))
    assert decision.blocks == 7


def test_a_declared_column_is_drawn_instead_of_the_day(tmp_path):
    world = world_with(tmp_path, evaluation={"block": "flight_id"})
    decision, _ = decided(world, FIRST, world.features(FIRST))
    assert decision.blocks == decision.rows
    assert decision.rows > 400


def test_a_block_column_with_too_few_values_rejects_with_that_reason(tmp_path):
    world = world_with(tmp_path, evaluation={"block": "carrier"})
    decision, _ = decided(world, FIRST, world.features(FIRST))
    assert decision.reason == (
        "the holdout has rows of 3 values of carrier, at least 5 are needed for a bootstrap of them"
    )


def test_canonical_inputs_are_stored_with_the_model_and_one_that_is_missed_rejects_it(tmp_path):
    case = CanonicalCase(name="never below", input={"origin": "A", "weather__temp": 0.0}, min=0.9999)
    world = world_with(tmp_path, gates={"canonical": (case,)})
    decision, results = decided(world, FIRST, world.features(FIRST))
    trained = results["train"]
    stored = load_model(trained.model_uri, digest=trained.artifact_digest)
    assert stored.facts.canonical == (case,)
    assert stored.size_bytes > 10_000
    assert not decision.promote
    assert decision.reason.startswith("'never below' gives 0.")
    assert decision.reason.endswith(", expected at least 0.9999")


def test_a_gate_on_the_artifact_rejects_a_better_model(tmp_path):
    world = world_with(tmp_path, gates={"max_size_mb": 0.001, "max_latency_p95_ms": 0.001})
    decision, _ = decided(world, FIRST, world.features(FIRST))
    failed = [gate.name for gate in decision.gates if not gate.passed]
    assert (failed, decision.promote) == (["latency", "size"], False)
    assert decision.gates[0].passed
