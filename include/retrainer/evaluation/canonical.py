"""Inputs whose answers are known: a model that misses one is not deployed, and not rolled back to."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from retrainer.config.declaration import CanonicalCase
from retrainer.contracts import Gate
from retrainer.evaluation.input_schema import kind_of
from retrainer.evaluation.metric import predictions_of

_MOST_NAMED = 5
_EXPECTED = {
    "boolean": "true or false",
    "numeric": "a number",
    "text": "a text",
    "time": "an ISO 8601 text with an offset",
}


def canonical_gate(
    cases: Sequence[CanonicalCase],
    pipeline: Pipeline,
    sample: tuple[pd.DataFrame, NDArray[np.float64]],
) -> Gate:
    """Every case gives what is expected, and the sample (inputs, outputs) gives its outputs again to the byte."""
    inputs, outputs = sample
    failures = [*_not_reproduced(pipeline, inputs, outputs), *canonical_failures(cases, pipeline, inputs)]
    if failures:
        left = len(failures) - _MOST_NAMED
        message = "; ".join(failures[:_MOST_NAMED]) + (f"; and {left} more" if left > 0 else "")
    else:
        declared = (
            f"all {len(cases)} canonical inputs give what is expected" if cases else "no canonical input is declared"
        )
        message = f"loaded afresh, the artifact gives the {len(outputs)} outputs that it gave when trained; {declared}"
    return Gate(name="canonical", passed=not failures, value=float(len(failures)), threshold=0.0, message=message)


def canonical_failures(cases: Sequence[CanonicalCase], pipeline: Pipeline, sample_inputs: pd.DataFrame) -> list[str]:
    """What is wrong with the answers of `pipeline` to `cases`, one message a case that fails; nothing is raised.

    `sample_inputs` are rows that the model was handed in training: their columns and types are those of a case's input.
    """
    return [failure for case in cases for failure in _failures(case, pipeline, sample_inputs)]


def canonical_frame(case: CanonicalCase, sample_inputs: pd.DataFrame) -> pd.DataFrame:
    """The input of `case` as one row with the columns and dtypes of `sample_inputs`; what it leaves out is missing.

    Raises:
        ValueError: it has a column or a type of value that the model does not read.
    """
    unknown = [name for name in case.input if name not in sample_inputs]
    if unknown:
        raise ValueError(f"the model reads no {', '.join(unknown)} (it reads: {', '.join(sample_inputs.columns)})")
    return pd.DataFrame(
        {name: _column(name, case.input.get(name), sample_inputs[name]) for name in sample_inputs.columns}
    )


def _failures(case: CanonicalCase, pipeline: Pipeline, sample_inputs: pd.DataFrame) -> Iterator[str]:
    try:
        (answer,) = predictions_of(pipeline, canonical_frame(case, sample_inputs)).output.tolist()
    except Exception as error:  # noqa: BLE001 feature code may raise anything, and has not answered then
        yield f"{case.name!r} cannot be predicted: {error}"
        return
    if case.value is not None:
        if abs(answer - case.value) > case.tolerance:
            yield f"{case.name!r} gives {answer:.6g}, expected {case.value:g} within {case.tolerance:g}"
    elif case.min is not None and answer < case.min:
        yield f"{case.name!r} gives {answer:.6g}, expected at least {case.min:g}"
    elif case.max is not None and answer > case.max:
        yield f"{case.name!r} gives {answer:.6g}, expected at most {case.max:g}"


def _column(name: str, value: str | float | bool | None, sample: pd.Series) -> pd.Series:
    dtype = sample.dtype
    if value is None:
        held = np.float64 if pd.api.types.is_integer_dtype(dtype) else dtype
        return pd.Series([None], dtype=object if pd.api.types.is_bool_dtype(dtype) else held)
    kind = kind_of(sample)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {"boolean": isinstance(value, bool), "numeric": number, "text": isinstance(value, str), None: True}
    if kind == "time" and isinstance(value, str):
        return pd.Series([_moment(name, value)]).astype(dtype)
    if not fits.get(kind, False):
        raise ValueError(f"{name} must be {_EXPECTED.get(str(kind), str(kind))}, got {value!r}")
    if pd.api.types.is_integer_dtype(dtype) and not float(value).is_integer():
        return pd.Series([value], dtype=np.float64)
    return pd.Series([value], dtype=dtype)


def _moment(name: str, text: str) -> pd.Timestamp:
    moment = pd.Timestamp(text)
    if moment.tzinfo is None:
        raise ValueError(f"{name} must be {_EXPECTED['time']}, got {text!r}")
    return moment.tz_convert("UTC")


def _not_reproduced(pipeline: Pipeline, inputs: pd.DataFrame, outputs: NDArray[np.float64]) -> Iterator[str]:
    try:
        again = predictions_of(pipeline, inputs).output
    except Exception as error:  # noqa: BLE001 as above
        yield f"loaded afresh, the artifact cannot predict its sample: {error}"
        return
    if again.tobytes() != outputs.tobytes():
        changed = int(np.sum(again != outputs)) if again.shape == outputs.shape else len(outputs)
        yield f"loaded afresh, the artifact gives other outputs than when trained for {changed} of {len(outputs)} rows"
