"""The files that are saved with a model so that it can be checked later, and served without scikit-learn."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrainer.saved.facts import EXTRA, FACTS_FILE, ModelFacts

if TYPE_CHECKING:
    import pandas as pd

INPUTS_FILE = "sample_inputs.parquet"
OUTPUTS_FILE = "sample_outputs.npy"
ONNX_FILE = "model.onnx"


@dataclass(frozen=True, slots=True)
class Extra:
    """What is saved with a model: its facts, a sample of rows (the columns of the facts) with what it said of them when
    it was trained (float64), and the model as ONNX, where it could be exported."""

    facts: ModelFacts
    inputs: "pd.DataFrame"
    outputs: NDArray[np.float64]
    onnx: bytes | None = None


def write_extra_files(folder: Path, extra: Extra) -> list[Path]:
    """Write one file for each of them into `folder`; their paths."""
    facts, inputs, outputs = folder / FACTS_FILE, folder / INPUTS_FILE, folder / OUTPUTS_FILE
    facts.write_text(json.dumps(extra.facts.model_dump(mode="json"), indent=2, sort_keys=True), encoding="utf-8")
    extra.inputs.to_parquet(inputs, index=False)
    np.save(outputs, extra.outputs, allow_pickle=False)
    if extra.onnx is None:
        return [facts, inputs, outputs]
    onnx = folder / ONNX_FILE
    onnx.write_bytes(extra.onnx)
    return [facts, inputs, outputs, onnx]


def read_sample(folder: Path) -> tuple["pd.DataFrame", NDArray[np.float64]]:
    """The rows saved with the model in `folder`, and what it said of them when it was trained."""
    import pandas as pd

    inputs = pd.read_parquet(folder / EXTRA / INPUTS_FILE)
    return inputs, np.load(folder / EXTRA / OUTPUTS_FILE, allow_pickle=False)


def read_onnx(folder: Path) -> bytes | None:
    """The ONNX model saved with the model in `folder`; None where it could not be exported."""
    file = folder / EXTRA / ONNX_FILE
    return file.read_bytes() if file.is_file() else None
