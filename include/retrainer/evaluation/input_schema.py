"""Does production send what the challenger reads?"""

from collections.abc import Iterator

import pandas as pd

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Gate

_KINDS = {
    "boolean": "boolean",
    "string": "text",
    "categorical": "text",
    "integer": "numeric",
    "floating": "numeric",
    "decimal": "numeric",
    "mixed-integer-float": "numeric",
    "datetime64": "time",
    "datetime": "time",
    "date": "time",
}
"""What pandas infers of values, by the kind of a column."""

_CHANCE = 0.001


def kind_of(values: pd.Series) -> str | None:
    """numeric, text, time, boolean or other; None where no value is there to tell by, and the dtype says nothing."""
    if values.dtype == object and values.isna().all():
        return None
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return "time"
    return _KINDS.get(pd.api.types.infer_dtype(values, skipna=True), "other")


def input_schema_gate(
    config: ModelConfig, inputs: pd.DataFrame, champion: pd.DataFrame | None, newest: pd.DataFrame
) -> Gate | None:
    """The challenger reads nothing that production does not send, nor another type; None where `input_schema` is any.

    `inputs` and `champion` are samples of what the challenger and the champion are handed (None while there is no
    champion: then what the challenger reads becomes the contract); `newest` are the holdout's newest rows.
    """
    if config.gates.input_schema == "any":
        return None
    if newest.empty:
        message = "cannot be computed: the holdout has no newest rows"
        return Gate(name="input_schema", passed=False, message=message)
    read = [name for name in config.features.inputs if name in inputs]
    problems = [*_stopped(inputs, newest)]
    if champion is not None:
        problems = [*_unknown(inputs[read], champion, config.gates.new_inputs), *problems]
    if problems:
        message = "; ".join(problems)
    elif champion is None:
        message = f"the first model: its {len(read)} inputs are what production has to send"
    else:
        message = f"production sends all {len(read)} inputs, each of the type that the champion reads"
    return Gate(name="input_schema", passed=not problems, value=float(len(problems)), threshold=0.0, message=message)


def _unknown(inputs: pd.DataFrame, champion: pd.DataFrame, new_inputs: tuple[str, ...]) -> Iterator[str]:
    for name in inputs:
        if name in new_inputs:
            continue
        if name not in champion:
            yield f"the champion does not read {name}: name it in gates.new_inputs once production sends it"
            continue
        here, there = kind_of(inputs[name]), kind_of(champion[name])
        if None not in (here, there) and here != there:
            yield f"{name} is {here}, and the champion reads it as {there}"


def _stopped(inputs: pd.DataFrame, newest: pd.DataFrame) -> Iterator[str]:
    """Columns that had values in training and have none, or others, in the newest rows.

    A column that is seldom filled may well be empty in a few rows: it counts only where chance gives that less than
    once in a thousand times.
    """
    for name in inputs:
        if name not in newest:
            yield f"{name} is not sent any more"
            continue
        here, now = kind_of(inputs[name]), kind_of(newest[name])
        missing = float(inputs[name].isna().mean())
        if newest[name].isna().all():
            if missing ** len(newest) < _CHANCE:
                yield f"{name} is missing in all {len(newest)} newest rows: production does not send it any more"
        elif None not in (here, now) and here != now:
            yield f"{name} is {now} in the newest rows, and the challenger learned from it as {here}"
