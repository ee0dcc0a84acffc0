"""A saved model on disk: what is known of it without MLflow, and loading it without trusting it.

Importing this package is cheap: pandas, scikit-learn and skops are imported by the functions that need them.
"""

from retrainer.saved.contents import content_digest, saved_content_digest
from retrainer.saved.digest import digest_files, files_of
from retrainer.saved.extra import ONNX_FILE, Extra, read_onnx, read_sample, write_extra_files
from retrainer.saved.facts import EXTRA, ModelFacts, read_facts
from retrainer.saved.load import MODEL_FILE, LoadedModel, load_saved, row_features_of
from retrainer.saved.own_code import CODE, own_code
from retrainer.saved.trusted import check_types, trusted_types

__all__ = [
    "CODE",
    "EXTRA",
    "MODEL_FILE",
    "ONNX_FILE",
    "Extra",
    "LoadedModel",
    "ModelFacts",
    "check_types",
    "content_digest",
    "digest_files",
    "files_of",
    "load_saved",
    "own_code",
    "read_facts",
    "read_onnx",
    "read_sample",
    "row_features_of",
    "saved_content_digest",
    "trusted_types",
    "write_extra_files",
]
