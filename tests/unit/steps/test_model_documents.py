"""Registering a version leaves its card and its data sheet in the run that trained it, the same ones each time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from retrainer.contracts import FeatureSet, ValidationReport
from retrainer.errors import StoreConflictError
from retrainer.snapshots import DataPlace, pin, replace_partitions
from retrainer.steps.tracking import connect_tracking
from tests.unit.documents.pages import read
from tests.worlds import MOMENT, World, small_config

AS_OF = datetime(2013, 6, 3, 4, tzinfo=UTC)
FILES = ("model_card.md", "model_card.html", "data_sheet.md", "data_sheet.html")


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Iterator[tuple[World, dict[str, Any]]]:
    """A world in which a challenger was trained and compared, and the results of these steps."""
    folder = tmp_path_factory.mktemp("world")
    world = World(folder / "home", small_config())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # a local MLflow store keeps its artifacts under the working folder
        results: dict[str, Any] = {"build_features": with_snapshot(world, world.features(AS_OF))}
        results["train"] = world.run("train", AS_OF, results)
        results["compare"] = world.run("compare", AS_OF, results)
        yield world, results


def with_snapshot(world: World, features: FeatureSet) -> FeatureSet:
    """The same, from four flights of one day: one without a carrier, two of one carrier."""
    interval = world.config.schedule.interval_before(AS_OF)
    table = pa.table(
        {
            "flight_id": [1, 2, 3, 4],
            "carrier": ["AA", "AA", "UA | <b>", None],
            "distance": [80.0, 4983.5, None, None],
            "scheduled_departure": pa.array([interval.start + timedelta(hours=hour) for hour in range(4)], MOMENT),
            "_interval": [interval.key] * 4,
        }
    )
    uri = DataPlace(world.settings.data_uri, world.config.name).snapshot("flights")
    replace_partitions(uri, table.to_batches(), schema=table.schema, keys=[interval.key])
    return features.model_copy(update={"snapshot": (pin(uri, table="flights", window=interval),)})


def kept(world: World, run_id: str) -> dict[str, str]:
    client = connect_tracking(world.settings).client
    return {name: Path(client.download_artifacts(run_id, name)).read_text(encoding="utf-8") for name in FILES}


def test_a_version_has_its_card_and_sheet_and_their_addresses_are_its_tags(compared):
    world, results = compared

    registered = world.run("register", AS_OF, results)

    trained, decision = results["train"], results["compare"]
    pages = f"{trained.run_url}/artifacts"
    tags = world.versions.get(registered.version).tags
    assert registered.card_url == tags["retrainer.model_card"] == f"{pages}/model_card.html"
    assert tags["retrainer.data_sheet"] == f"{pages}/data_sheet.html"
    assert tags["retrainer.report"] == decision.report_url == f"{pages}/evaluation_report.html"
    documents = kept(world, trained.run_id)
    card, sheet = read(documents["model_card.html"]).text, read(documents["data_sheet.html"]).text
    assert "Model card: flight_delay@1" in card
    assert tags["retrainer.code_digest"] in card
    assert tags["retrainer.lock_digest"] in card
    assert decision.reason in card
    assert "Data sheet: flight_delay@1" in sheet
    assert documents["model_card.md"].startswith("# Model card: `flight_delay@1`\n")


def test_the_sheet_profiles_the_pinned_rows(compared):
    world, results = compared
    world.run("register", AS_OF, results)

    sheet = kept(world, results["train"].run_id)["data_sheet.md"]

    lines = [line for line in sheet.splitlines() if line.startswith("|")]
    assert "| `flight_id` | integer | `BIGINT` | 0.00% | 1 to 4 |" in lines
    assert "| `carrier` | string | `VARCHAR` | 25.00% | 2 different |" in lines
    assert "| `distance` | float | `DOUBLE` | 50.00% | 80 to 4983.5 |" in lines
    first, last = "2013-06-02 04:00:00", "2013-06-02 07:00:00"
    moments = f"| `scheduled_departure` | timestamp | `TIMESTAMP WITH TIME ZONE` | 0.00% | {first} to {last} |"
    assert moments in lines


def test_registering_twice_writes_the_same_documents(compared):
    world, results = compared
    first = world.run("register", AS_OF, results)
    documents = kept(world, results["train"].run_id)

    again = world.run("register", AS_OF, results)

    assert (again.version, again.card_url, again.created) == (first.version, first.card_url, False)
    assert kept(world, results["train"].run_id) == documents


def test_without_a_snapshot_or_a_validation_the_documents_say_that_they_are_not_known(compared):
    world, results = compared
    features = results["build_features"].model_copy(update={"snapshot": ()})
    world.run("register", AS_OF, results | {"build_features": features})

    sheet = kept(world, results["train"].run_id)["data_sheet.md"]

    assert sheet.count("no snapshot of it is pinned") == 2
    assert "Not known: this run has no result of validate_data." in sheet


def test_the_verdict_of_the_validation_is_on_the_sheet(compared):
    world, results = compared
    report = ValidationReport(snapshot=(), checks=12, failed=(), quality=1.0, docs_uri="file:///docs")
    world.run("register", AS_OF, results | {"validate_data": report})

    sheet = kept(world, results["train"].run_id)["data_sheet.md"]

    assert "- 12 checks, 0 failed; quality 100.0%." in sheet


def test_a_snapshot_that_cannot_be_read_is_an_error_and_a_later_try_completes_the_documents(compared):
    world, results = compared
    features = results["build_features"]
    (pinned,) = features.snapshot
    absent = features.model_copy(update={"snapshot": (pinned.model_copy(update={"version": 99}),)})

    with pytest.raises(StoreConflictError):
        world.run("register", AS_OF, results | {"build_features": absent})
    registered = world.run("register", AS_OF, results)

    assert registered.version == 1
    assert kept(world, results["train"].run_id)
