"""Features built and an interval scored in parts: as at once, whichever part is tried again or is missing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from deltalake import DeltaTable

from retrainer.config.mapping import TaskMapping
from retrainer.contracts import (
    BuiltPart,
    BuiltParts,
    FeatureSet,
    Scored,
    ScoredPart,
    ScoredParts,
    ScorePart,
    StepRequest,
    ValidationReport,
)
from retrainer.scoring import scored_uri
from retrainer.snapshots import partition_counts
from retrainer.steps import build_features, build_part, plan_features, plan_score, score, score_part, snapshot
from retrainer.steps import validate_data as validate
from retrainer.steps.plan_features import cut
from tests.factories import day, make_config, make_request, make_settings, small_source
from tests.released import FIRST, Releases

IN_THREE = make_config(runtime={"mapping": {"tasks": 3, "rows_per_task": 1}})
AS_OF = FIRST + timedelta(days=3)
ROWS = 40


@pytest.fixture
def settings(tmp_path):
    return make_settings(tmp_path / "home", small_source(tmp_path / "source.sqlite"))


@pytest.fixture
def report(settings) -> ValidationReport:
    staged = snapshot.run(make_request("snapshot"), settings)
    return validate.run(make_request("validate_data", inputs={"snapshot": staged}), settings)


def part_requests(report, settings) -> list[StepRequest]:
    inputs = {"validate_data": report}
    planned = plan_features.run(make_request("plan_features", IN_THREE, inputs=inputs), settings)
    request = make_request("build_part", IN_THREE, inputs=inputs)
    return [with_part(request, part) for part in planned.parts]


def with_part(request: StepRequest, part) -> StepRequest:
    return request.model_copy(update={"params": {"part": part.model_dump(mode="json")}})


def put_together(report, parts: list[BuiltPart], settings) -> FeatureSet:
    inputs = {"validate_data": report, "build_part": BuiltParts(parts=tuple(parts))}
    return build_features.run(make_request("build_features", IN_THREE, inputs=inputs), settings)


def at_once(report, home, source) -> FeatureSet:
    settings = make_settings(home, source)
    return build_features.run(make_request("build_features", inputs={"validate_data": report}), settings)


def test_features_built_by_three_tasks_at_once_have_the_digest_of_those_built_by_one(
    report, settings, tmp_path, monkeypatch
):
    expected = at_once(report, tmp_path / "other", tmp_path / "source.sqlite")
    requests = part_requests(report, settings)
    with ThreadPoolExecutor(3) as pool:
        parts = list(pool.map(lambda request: build_part.run(request, settings), requests))
    monkeypatch.setattr(build_features, "replace_features", None)  # nothing is left to be built

    found = put_together(report, parts, settings)

    assert len(parts) == 3
    assert (found.table.digest, found.table.rows) == (expected.table.digest, expected.table.rows)
    assert (found.training, found.holdout) == (expected.training, expected.holdout)


def test_a_part_that_is_built_again_changes_nothing(report, settings):
    parts = [build_part.run(request, settings) for request in part_requests(report, settings)]
    before = put_together(report, parts, settings)

    again = build_part.run(part_requests(report, settings)[1], settings)

    assert again == parts[1]
    assert put_together(report, parts, settings) == before


def test_a_part_that_is_missing_or_was_changed_since_is_built_by_the_step_itself(report, settings, tmp_path):
    expected = at_once(report, tmp_path / "other", tmp_path / "source.sqlite")
    first, second, _ = [build_part.run(request, settings) for request in part_requests(report, settings)]
    uri = first.table.uri
    gone = first.part.window.key
    table = DeltaTable(uri)
    table.delete(f"_interval = '{gone}'")

    found = put_together(report, [first, second], settings)

    assert found.table.digest == expected.table.digest
    assert partition_counts(uri)[gone] > 0


@pytest.mark.parametrize(
    ("counts", "tasks", "least", "expected"),
    [
        ([10, 10, 10, 10], 2, 1, [20, 20]),
        ([10, 10, 10, 10], 9, 1, [10, 10, 10, 10]),
        ([10, 10, 10, 10], 9, 15, [20, 20]),
        ([10, 10, 10, 10], 9, 100, [40]),
        ([100, 1, 1, 1], 2, 1, [100, 3]),
        ([0, 0, 0, 9], 3, 1, [9]),
        ([0, 0, 0, 0], 3, 1, [0]),
        ([1, 1, 100, 0], 3, 1, [102]),
    ],
)
def test_parts_are_whole_intervals_of_about_as_many_rows_each(counts, tasks, least, expected):
    intervals = [day(number) for number in range(4)]
    rows = {interval.key: count for interval, count in zip(intervals, counts, strict=True)}

    parts = list(cut(intervals, rows, TaskMapping(tasks=tasks, rows_per_task=least)))

    assert [part.rows for part in parts] == expected
    assert (parts[0].window.start, parts[-1].window.end) == (intervals[0].start, intervals[-1].end)
    assert all(before.window.end == after.window.start for before, after in pairwise(parts))


@pytest.fixture
def features(releases: Releases) -> FeatureSet:
    releases.promote()
    return releases.world.features(AS_OF, rows_a_day=ROWS)


def score_request(releases: Releases, features: FeatureSet, step, **inputs) -> StepRequest:
    request = releases.world.request(step, AS_OF, {"build_features": features, **inputs})
    mapping = {"tasks": 4, "rows_per_task": 1}
    return request.model_copy(update={"config": request.config | {"runtime": {"mapping": mapping}}})


def planned(releases: Releases, features: FeatureSet) -> list[ScorePart]:
    return list(plan_score.run(score_request(releases, features, "plan_score"), releases.world.settings).parts)


def scored_part(releases: Releases, features: FeatureSet, part: ScorePart) -> ScoredPart:
    request = with_part(score_request(releases, features, "score_part"), part)
    return score_part.run(request, releases.world.settings)


def scored(releases: Releases, features: FeatureSet, parts: list[ScoredPart]) -> Scored:
    request = score_request(releases, features, "score", score_part=ScoredParts(parts=tuple(parts)))
    return score.run(request, releases.world.settings)


def predictions(releases: Releases) -> dict[int, float]:
    rows = DeltaTable(scored_uri(releases.world.settings.data_uri, releases.model)).to_pandas()
    assert rows["flight_id"].is_unique
    return dict(zip(rows["flight_id"], rows["prediction"], strict=True))


def test_an_interval_scored_in_parts_has_the_predictions_of_one_scored_at_once(releases, features):
    parts = planned(releases, features)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda part: scored_part(releases, features, part), parts))

    result = scored(releases, features, done)

    assert 2 <= len(parts) <= 4
    assert sum(part.rows for part in parts) == result.rows == ROWS
    assert (result.replaced, result.version, result.run_id) == (True, 1, "test")
    in_parts = predictions(releases)
    DeltaTable(scored_uri(releases.world.settings.data_uri, releases.model)).delete()
    score.run(releases.world.request("score", AS_OF, {"build_features": features}), releases.world.settings)
    assert predictions(releases) == in_parts


def test_a_part_that_is_scored_again_is_there_once(releases, features):
    parts = planned(releases, features)
    done = [scored_part(releases, features, part) for part in parts]
    done[0] = scored_part(releases, features, parts[0])

    first, again = (scored(releases, features, done) for _ in range(2))

    assert len(predictions(releases)) == first.rows == ROWS
    assert again == first.model_copy(update={"replaced": False})


def test_a_release_between_two_parts_leaves_the_interval_to_the_version_of_the_plan(releases, features):
    first, *others = planned(releases, features)
    done = [scored_part(releases, features, first)]
    releases.promote()
    done += [scored_part(releases, features, part) for part in others]

    assert scored(releases, features, done).version == 1


def test_parts_that_are_not_the_whole_interval_are_not_taken_and_all_of_it_is_scored(releases, features):
    done = [scored_part(releases, features, part) for part in planned(releases, features)]

    assert scored(releases, features, done[1:]).rows == len(predictions(releases)) == ROWS


def test_where_nothing_is_to_be_scored_the_one_part_does_nothing(releases, features):
    score.run(releases.world.request("score", AS_OF, {"build_features": features}), releases.world.settings)

    (part,) = planned(releases, features)
    done = scored_part(releases, features, part)

    assert (part.version, done.file) == (None, None)
    assert scored(releases, features, [done]).replaced is False


def test_rows_of_one_moment_are_one_part(releases, features, monkeypatch):
    monkeypatch.setattr(plan_score, "_bounds", lambda *_: [])

    (part,) = planned(releases, features)

    assert (part.window, part.rows) == (releases.world.request("score", AS_OF, {}).interval, ROWS)
