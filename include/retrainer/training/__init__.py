"""From features to a fitted scikit-learn pipeline: cutting the windows, choosing parameters, fitting, always seeded."""

from retrainer.training.fit import check_examples, fit
from retrainer.training.pipeline import build_pipeline, load_row_features, load_rule
from retrainer.training.search import Trial, search_parameters
from retrainer.training.split import Examples, examples_digest, labelled_examples

__all__ = [
    "Examples",
    "Trial",
    "build_pipeline",
    "check_examples",
    "examples_digest",
    "fit",
    "labelled_examples",
    "load_row_features",
    "load_rule",
    "search_parameters",
]
