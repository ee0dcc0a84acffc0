"""A local copy out of the files of a registered version: the fields of its records, and its sample as records."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from retrainer.columns import Columns, columns_of
from retrainer.config.declaration import ModelConfig
from retrainer.config.features import lookup_column
from retrainer.config.source import ColumnType
from retrainer.contracts import InputField, ServingSpec
from retrainer.errors import BadDataError
from retrainer.online import key_columns
from retrainer.registry import RUNTIME, RUNTIME_NOTE, Version
from retrainer.saved import CODE, EXTRA, MODEL_FILE, ONNX_FILE, read_facts, read_sample
from retrainer.serving.local_copy import CHECKS_FILE, SPEC_FILE, Checks, Sample
from retrainer.serving.record_problems import mistake

_KEY_EXAMPLES: dict[ColumnType, JsonValue] = {
    "string": "A1",
    "integer": 1,
    "float": 1.0,
    "boolean": True,
    "timestamp": "2020-01-31T12:00:00Z",
}


def write_copy(files: Path, folder: Path, version: Version) -> None:
    """Make `folder` with all that a server needs of `version`, whose registered files are in `files`.

    Raises:
        BadDataError: it was saved by an older version of Retrainer, without its declaration.
        ValueError: its declaration is not one that this version of Retrainer understands.
    """
    facts = read_facts(files)
    if not facts.declaration:
        raise BadDataError(f"v{version.version} was saved without its declaration, by an older version of Retrainer")
    config = ModelConfig.model_validate(facts.declaration)
    inputs, outputs = read_sample(files)
    columns = columns_of(inputs)
    fields = record_fields(config, columns)
    is_onnx = version.tags.get(RUNTIME) == "onnx" and (files / EXTRA / ONNX_FILE).is_file()
    spec = ServingSpec(
        model=version.name,
        version=version.version,
        digest=version.digest,
        runtime="onnx" if is_onnx else "scikit-learn",
        runtime_note="" if is_onnx else version.tags.get(RUNTIME_NOTE, "ONNX was not compared with scikit-learn"),
        declaration=facts.declaration,
        fields=fields,
    )
    checks = Checks(canonical=config.gates.canonical, sample=sample_of(fields, columns, outputs))
    folder.mkdir()
    (folder / SPEC_FILE).write_text(spec.to_json() + "\n", encoding="utf-8")
    (folder / CHECKS_FILE).write_text(checks.to_json() + "\n", encoding="utf-8")
    if (files / CODE).is_dir():
        shutil.copytree(files / CODE, folder / CODE, ignore=shutil.ignore_patterns("__pycache__"))
    if is_onnx:
        shutil.copyfile(files / EXTRA / ONNX_FILE, folder / ONNX_FILE)
    else:
        shutil.copyfile(files / MODEL_FILE, folder / MODEL_FILE)
        shutil.copytree(files / EXTRA, folder / EXTRA)


def record_fields(config: ModelConfig, sample: Columns) -> tuple[InputField, ...]:
    """The fields of a record of `config`: inputs, looked-up columns, windows, keys, what a split and look-ups go by.

    Only the inputs have to be sent. Examples are values of `sample`, the columns that the model was handed in training.
    """
    tables, features = config.source.tables, config.features
    rows = tables[config.source.rows]
    fields = [InputField(name=name, type=rows.columns[name], required=True, role="input") for name in features.inputs]
    fields += [
        InputField(
            name=lookup_column(name, column),
            type=tables[lookup.table].columns[column],
            required=False,
            role="looked_up",
        )
        for name, lookup in features.lookups.items()
        for column in lookup.columns
    ]
    fields += [InputField(name=name, type="float", required=False, role="window") for name in features.windows]
    named = {field.name for field in fields}
    entity = config.serving.entity if config.serving else ()
    wanted = dict.fromkeys((*rows.key, *entity, *key_columns(config)))
    keys = [name for name in wanted if name not in named and name in rows.columns]
    fields += [InputField(name=name, type=rows.columns[name], required=False, role="key") for name in keys]
    return tuple(field.model_copy(update={"example": _example(field, sample)}) for field in fields)


def sample_of(fields: Sequence[InputField], columns: Columns, outputs: NDArray[np.float64]) -> Sample:
    """The rows of `columns` as records that a server takes, with what the version said of them.

    A row that no request could send or no answer could hold, such as one with an infinite number, is left out.
    """
    known = [field for field in fields if field.name in columns]
    values = {field.name: [_json(field, value) for value in _python(columns[field.name])] for field in known}
    usable = [
        place
        for place in range(len(outputs))
        if np.isfinite(outputs[place]) and all(mistake(field, values[field.name][place]) is None for field in known)
    ]
    return Sample(
        records=tuple({name: listed[place] for name, listed in values.items()} for place in usable),
        outputs=tuple(float(outputs[place]) for place in usable),
    )


def _example(field: InputField, sample: Columns) -> JsonValue:
    """The first value that is there; of a key, of which the sample has none, something of its type."""
    if field.name not in sample:
        return _KEY_EXAMPLES[field.type]
    values = (_json(field, value) for value in _python(sample[field.name]))
    return next((value for value in values if value is not None and mistake(field, value) is None), None)


def _python(column: NDArray[Any]) -> Iterator[Any]:
    """The values of a column, None where they are missing; timestamps as texts."""
    if column.dtype.kind == "M":
        texts = np.datetime_as_string(column, unit="us")
        return (None if text == "NaT" else f"{text}Z" for text in texts.tolist())
    return (None if value is None or value != value else value for value in column.tolist())  # noqa: PLR0124 NaN


def _json(field: InputField, value: Any) -> JsonValue:
    if value is None or isinstance(value, str):
        return value
    if field.type == "boolean":
        return bool(value)
    is_whole = field.type == "integer" and float(value).is_integer()
    return int(value) if is_whole else float(value)
