"""collect_predictions: from the server's log to the model's Delta table."""

from pathlib import Path

import pytest

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import CollectedPredictions
from retrainer.predictions import LoggedBatch, PredictionLog, log_folder, predictions_uri
from retrainer.steps import collect_predictions
from tests.factories import make_config, make_request, make_settings
from tests.unit.predictions.batches import MODEL, batch, stored_ids


@pytest.fixture
def settings(tmp_path: Path) -> RuntimeSettings:
    return make_settings(tmp_path, tmp_path / "no_source.sqlite")


def write(settings: RuntimeSettings, *batches: LoggedBatch) -> None:
    log = PredictionLog(log_folder(settings.home), flush_seconds=3600)
    for one in batches:
        log.append(one)
    log.close()


def run(settings: RuntimeSettings, config: ModelConfig) -> CollectedPredictions:
    return collect_predictions.run(make_request("collect_predictions", config), settings)


def test_the_predictions_of_the_model_and_no_others_are_in_its_table(settings: RuntimeSettings) -> None:
    write(settings, batch("a"), batch("b", model="another"))
    uri = predictions_uri(settings.data_uri, MODEL)

    result = run(settings, make_config(serving={}))

    assert result == CollectedPredictions(uri=uri, rows=1, segments=1)
    assert stored_ids(uri) == ["a"]
    assert len(list((log_folder(settings.home) / "another").iterdir())) == 1


def test_running_it_again_changes_nothing(settings: RuntimeSettings) -> None:
    write(settings, batch("a"))
    run(settings, make_config(serving={}))

    assert run(settings, make_config(serving={})).rows == 0
    assert stored_ids(predictions_uri(settings.data_uri, MODEL)) == ["a"]


def test_where_predictions_are_not_to_be_kept_they_are_deleted_unread(settings: RuntimeSettings) -> None:
    write(settings, batch("a"))

    result = run(settings, make_config(serving={"log_predictions": False}))

    assert (result.rows, result.segments) == (0, 1)
    assert list((log_folder(settings.home) / MODEL).iterdir()) == []
    assert not Path(predictions_uri(settings.data_uri, MODEL)).exists()
