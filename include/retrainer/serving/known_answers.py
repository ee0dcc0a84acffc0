"""Answers that are known: the sample of a version, and its canonical inputs. What is wrong with others, in words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from retrainer.config.estimator import Estimator
from retrainer.config.evaluation import CanonicalCase
from retrainer.config.serving import Serving
from retrainer.contracts import InputField, ServingSpec


def serving_section(spec: ServingSpec) -> Serving:
    """How the server answers for a version; the defaults where its declaration does not say."""
    declared = spec.declaration.get("serving")
    return Serving.model_validate(declared) if declared else Serving()


def sample_problem(spec: ServingSpec, expected: Sequence[float], outputs: NDArray[np.float64]) -> str:
    """Why `outputs` are not what the version said of its sample when it was trained; empty where they are.

    Probabilities may differ by the declared tolerance, numbers by that share of the largest one.
    """
    wanted = np.asarray(expected, dtype=np.float64)
    if outputs.shape != wanted.shape:
        return f"it gives {outputs.size} answers to the {wanted.size} records of its sample"
    if not wanted.size:
        return ""
    tolerance = serving_section(spec).tolerance
    is_classifier = Estimator.model_validate(spec.declaration["estimator"]).is_classifier
    allowed = tolerance if is_classifier else tolerance * float(np.abs(wanted).max())
    difference = np.abs(outputs - wanted)
    wrong = int(np.sum(~(difference <= allowed)))
    if not wrong:
        return ""
    return (
        f"it gives other answers than when it was trained to {wrong} of the {wanted.size} records of its sample: "
        f"they differ by up to {float(difference.max()):.3g}, and may by {allowed:.3g}"
    )


def canonical_record(case: CanonicalCase, fields: Sequence[InputField]) -> dict[str, JsonValue]:
    """The input of `case` as a record: null for every field of the model that it leaves out, so nothing is looked up.

    A field that the model does not read is kept, and will be refused.
    """
    left_out: dict[str, JsonValue] = {field.name: None for field in fields if field.role != "key"}
    return left_out | dict(case.input)


def canonical_problem(case: CanonicalCase, answer: float) -> str:
    """Why `answer` is not what `case` expects; empty where it is."""
    if case.value is not None:
        if not abs(answer - case.value) <= case.tolerance:
            return f"{case.name!r} gives {answer:.6g}, expected {case.value:g} within {case.tolerance:g}"
    elif case.min is not None and not answer >= case.min:
        return f"{case.name!r} gives {answer:.6g}, expected at least {case.min:g}"
    elif case.max is not None and not answer <= case.max:
        return f"{case.name!r} gives {answer:.6g}, expected at most {case.max:g}"
    return ""
