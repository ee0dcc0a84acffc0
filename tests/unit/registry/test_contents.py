"""Two models of the same content have the same digest, though their files never are the same."""

from retrainer.evaluation import predictions_of
from retrainer.registry import model_files, start_run, store_model
from retrainer.saved import Extra, content_digest, saved_content_digest
from retrainer.training import fit
from tests.unit.registry.conftest import MODELS


def test_a_model_trained_again_has_the_content_that_was_saved(tracking, config, pipeline, facts, examples):
    inputs = examples.features.head(50)
    with start_run(tracking, facts.model, name="test", tags={}) as record:
        extra = Extra(facts, inputs, predictions_of(pipeline, inputs).output)
        stored = store_model(pipeline, extra, run_id=record.run_id, code=MODELS)
    with model_files(stored.uri, digest=stored.digest) as folder:
        saved = saved_content_digest(folder)
    assert content_digest(fit(config, examples, parameters={"max_iter": 5})) == saved
    assert content_digest(fit(config, examples, parameters={"max_iter": 6})) != saved
