"""A saved model on disk: its digest, the facts kept beside it, and loading it without trusting it.

A model is loaded only if the digest of all of its files is the recorded one, only by skops, and only with types that
were reviewed; the trust list inside the model's own files is never read. The model's own code travels with it and is
used for it, so a champion predicts as it did on the day it was trained, whatever the repository says now.
"""

import hashlib
import importlib
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import mlflow.artifacts
import numpy as np
import pandas as pd
import skops.io
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from retrainer.config.declaration import CanonicalCase
from retrainer.contracts import Contract, Interval
from retrainer.errors import UnsafeArtifactError
from retrainer.registry.client import translated
from retrainer.registry.trusted import check_types, trusted_types

MODEL_FILE = "model.skops"
FACTS_FILE = "retrainer.json"
INPUTS_FILE = "sample_inputs.parquet"
OUTPUTS_FILE = "sample_outputs.npy"
EXTRA = "extra_files"
CODE = "code"

_IMPORTING = threading.Lock()
"""Which code a package's name stands for is known to the whole process: one model is loaded at a time."""


class ModelFacts(Contract):
    """What must be known of a saved model to use it: which columns it reads, what it learned from, which answers of it
    are known."""

    model: str
    feature_module: str
    columns: tuple[str, ...]
    training: Interval
    identity: str
    canonical: tuple[CanonicalCase, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A pipeline fresh from the registry, its facts, a sample of rows with what it said of them when trained, and the
    size of all of its files."""

    pipeline: Pipeline
    facts: ModelFacts
    sample_inputs: pd.DataFrame
    sample_outputs: NDArray[np.float64]
    size_bytes: int


def digest_files(folder: Path) -> str:
    """SHA-256 (hex) over the names and bytes of all files under `folder`, in order of name."""
    total = hashlib.sha256()
    for path in _files(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def _files(folder: Path) -> list[Path]:
    """All files under `folder` in order of name, without what Python leaves there when it imports."""
    return sorted(item for item in folder.rglob("*") if item.is_file() and "__pycache__" not in item.parts)


def load_model(model_uri: str, *, digest: str) -> LoadedModel:
    """Download a model, check it, load it.

    Raises:
        TrackingUnavailableError: MLflow does not give the files.
        UnsafeArtifactError: the files are gone, differ from `digest`, or hold types that nobody reviewed.
    """
    with model_files(model_uri, digest=digest) as folder:
        facts = read_facts(folder)
        with own_code(folder, facts.feature_module):
            pipeline = _load_pipeline(folder / MODEL_FILE, facts)
        inputs, outputs = read_sample(folder)
        return LoadedModel(pipeline, facts, inputs, outputs, sum(path.stat().st_size for path in _files(folder)))


@contextmanager
def model_files(model_uri: str, *, digest: str) -> Iterator[Path]:
    """The folder of a saved model, downloaded for the time being and checked; see `load_model` for what it raises."""
    with tempfile.TemporaryDirectory(prefix="retrainer-model-") as scratch:
        with translated(f"downloading {model_uri}"):
            folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=scratch))
        if not any(folder.iterdir()):
            raise UnsafeArtifactError(f"{model_uri} has no files any more: they were archived, or deleted by hand")
        found = digest_files(folder)
        if found != digest:
            raise UnsafeArtifactError(
                f"{model_uri} was changed after it was registered: digest {found}, recorded {digest}",
                hint="It was not loaded. Roll back to a version whose files are intact, or train again.",
            )
        yield folder


@contextmanager
def own_code(folder: Path, module: str) -> Iterator[None]:
    """For the time being `module` and all beside it are imported from what was saved with the model in `folder`."""
    with _IMPORTING, _imported_from(folder / CODE, module.partition(".")[0]):
        yield


def read_facts(folder: Path) -> ModelFacts:
    """The facts saved with the model in `folder`."""
    return ModelFacts.from_json((folder / EXTRA / FACTS_FILE).read_bytes())


def read_sample(folder: Path) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The rows saved with the model in `folder`, and what it said of them when it was trained."""
    inputs = pd.read_parquet(folder / EXTRA / INPUTS_FILE)
    return inputs, np.load(folder / EXTRA / OUTPUTS_FILE, allow_pickle=False)


def write_extra_files(
    folder: Path, facts: ModelFacts, *, inputs: pd.DataFrame, outputs: NDArray[np.float64]
) -> list[Path]:
    """The files that are saved with a model so that it can be checked later: facts, a sample of rows, its outputs."""
    facts_file, inputs_file, outputs_file = (folder / name for name in (FACTS_FILE, INPUTS_FILE, OUTPUTS_FILE))
    facts_file.write_text(json.dumps(facts.model_dump(mode="json"), indent=2, sort_keys=True), encoding="utf-8")
    inputs.to_parquet(inputs_file, index=False)
    np.save(outputs_file, outputs, allow_pickle=False)
    return [facts_file, inputs_file, outputs_file]


def _load_pipeline(path: Path, facts: ModelFacts) -> Pipeline:
    check_types(path, facts.feature_module)
    importlib.import_module(facts.feature_module)
    pipeline = skops.io.load(path, trusted=list(trusted_types(facts.feature_module)))
    if not isinstance(pipeline, Pipeline):
        raise UnsafeArtifactError(f"{path.name} holds a {type(pipeline).__name__}, not a scikit-learn Pipeline")
    return pipeline


@contextmanager
def _imported_from(folder: Path, package: str) -> Iterator[None]:
    """Import `package` from `folder` for the time being, if it is there; afterwards the repository's one again.

    Functions that were loaded keep the code they were loaded from.
    """
    if not (folder / package).is_dir():
        yield
        return
    kept = _take_modules(package)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _take_modules(package)
        sys.modules.update(kept)


def _take_modules(package: str) -> dict[str, ModuleType]:
    """Take a package and all below it out of the imported modules."""
    names = [name for name in sys.modules if name.partition(".")[0] == package]
    return {name: sys.modules.pop(name) for name in names}
