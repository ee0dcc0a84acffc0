"""A folder that answers on its own: the exported model, its own code, and how to run the two with ONNX Runtime."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

import retrainer
from retrainer import timezones
from retrainer.columns import Columns, columns_of
from retrainer.config.estimator import Estimator
from retrainer.errors import ConfigurationError, UnsafeArtifactError
from retrainer.exporting.edge_readme import readme
from retrainer.exporting.onnx_model import MISSING_CATEGORY, OnnxModel
from retrainer.saved import CODE, ONNX_FILE, ModelFacts, read_facts, read_onnx, read_sample

SPEC_FILE = "spec.json"
EXAMPLE_FILE = "example.json"

_TYPES = {"O": "string", "M": "timestamp"}
"""By the kind of a column's array; every other is a number, `double`."""


def write_edge(saved: Path, to: Path, *, version: int, digest: str) -> None:
    """Make the folder `to` out of the saved model in the folder `saved`, whose `digest` was checked.

    Raises:
        ConfigurationError: there is something at `to` already.
        UnsafeArtifactError: no ONNX model was saved with it.
    """
    onnx = read_onnx(saved)
    if onnx is None:
        raise UnsafeArtifactError(f"the files of the version hold no {ONNX_FILE}")
    if to.exists() and not (to.is_dir() and not any(to.iterdir())):
        raise ConfigurationError(f"{to} is there already: name a folder that is not, or an empty one")
    facts = read_facts(saved)
    inputs, outputs = read_sample(saved)
    columns = columns_of(inputs)
    spec = _spec(facts, columns, OnnxModel(onnx)) | {"version": version, "digest": digest}
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".retrainer-edge-", dir=to.parent) as scratch:
        folder = Path(scratch, to.name)
        folder.mkdir()
        (folder / ONNX_FILE).write_bytes(onnx)
        (folder / SPEC_FILE).write_text(_json(spec), encoding="utf-8")
        (folder / EXAMPLE_FILE).write_text(_json(_example(columns, outputs)), encoding="utf-8")
        (folder / "README.md").write_text(readme(facts, version, output=str(spec["output"])), encoding="utf-8")
        _copy_code(saved / CODE, folder / CODE)
        folder.rename(to)


def _spec(facts: ModelFacts, columns: Columns, model: OnnxModel) -> dict[str, JsonValue]:
    """What the folder's code and model take and give, in order."""
    is_classifier = Estimator.model_validate(facts.declaration["estimator"]).is_classifier
    return {
        "model": facts.model,
        "row_features": facts.feature_module,
        "record": [{"name": name, "type": _TYPES.get(each.dtype.kind, "double")} for name, each in columns.items()],
        "inputs": [{"name": name, "type": kind} for name, kind in model.inputs.items()],
        "missing": MISSING_CATEGORY,
        "output": "probability of class 1" if is_classifier else "number",
    }


def _example(columns: Columns, outputs: NDArray[np.float64]) -> dict[str, JsonValue]:
    """Of the rows saved with the model, the one with the fewest missing values, and what scikit-learn said of it."""
    values = {name: _values(column) for name, column in columns.items()}
    missing = [sum(each[place] is None for each in values.values()) for place in range(len(outputs))]
    place = missing.index(min(missing))
    return {"record": {name: each[place] for name, each in values.items()}, "output": float(outputs[place])}


def _values(column: NDArray[np.generic]) -> list[JsonValue]:
    """The values of a column as JSON has them; a missing one is null, a timestamp a text in UTC without an offset."""
    if column.dtype.kind == "M":
        texts = np.datetime_as_string(column.astype("datetime64[us]")).tolist()
        return [None if text == "NaT" else text for text in texts]
    if column.dtype.kind == "O":
        return list(column.tolist())
    return [value if np.isfinite(value) else None for value in column.tolist()]


def _copy_code(code: Path, to: Path) -> None:
    """The model's own code, and the one module of Retrainer that it may import."""
    shutil.copytree(code, to, ignore=shutil.ignore_patterns("__pycache__"))
    package = to / retrainer.__name__
    package.mkdir()
    (package / "__init__.py").write_text('"""What a model\'s own code may import."""\n', encoding="utf-8")
    shutil.copy(timezones.__file__, package)


def _json(value: dict[str, JsonValue]) -> str:
    return json.dumps(value, indent=2) + "\n"
